/* conf_syntax.h - what is wrong with a configuration text, in words. libconfig says "syntax error" for everything, and
 * names the line where it noticed: this names the mistake, where it was made, and what was expected instead. */
#ifndef GW_CONF_SYNTAX_H
#define GW_CONF_SYNTAX_H

#include "base/base.h"

#define GW_CONF_DEPTH_MAX 32

struct gw_conf_syntax {
    aigw_str text;
    struct gw_err err;
    int err_line;
    int expects; /* EXPECTS_*, of conf_syntax.c */
    size_t depth;
    struct {
        char bracket;
        int line;
        aigw_str name; /* of the setting whose value it begins */
        uint32_t id;   /* tells groups apart */
    } open[GW_CONF_DEPTH_MAX];
    aigw_str name; /* the setting that is being read */
    int name_line;
    bool was_text;                      /* the last value is text: more of it may follow */
    int long_text_begin, long_text_end; /* lines of the last text, when it goes over several; else begin is 0 */
    uint32_t group_count;               /* ids given so far */
    struct gw_buf names;                /* struct setting_name of conf_syntax.c, one after the other */
};

/** text must stay until the end. Ended by gw_conf_syntax_done(). */
void gw_conf_syntax_begin(struct gw_conf_syntax *s, aigw_str text);
/** One token that is neither blank nor comment, text.ptr <= at. False when it is a mistake: see err, err_line. */
bool gw_conf_syntax_token(struct gw_conf_syntax *s, const char *at, size_t len, int line);
/** The text ends in `line`: nothing may be open, no name may stand twice. False as above. */
bool gw_conf_syntax_end(struct gw_conf_syntax *s, int line);
void gw_conf_syntax_done(struct gw_conf_syntax *s);
/** Whether the whole is something else than a configuration file: sets err and err_line. */
bool gw_conf_syntax_is_foreign(struct gw_conf_syntax *s);

#endif
