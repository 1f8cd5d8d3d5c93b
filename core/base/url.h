/* url.h - http URLs as people write them: taken apart, and each part brought to one normal form, so that two spellings
 * of one place are one text. Pure: nothing is resolved or looked up. Functions that can refuse answer NULL when all is
 * well, else why, as what follows "the URL …"; a reason never repeats the URL, which may hold a password. */
#ifndef GW_URL_H
#define GW_URL_H

#include "base/base.h"

#define GW_URL_MAX      2048u
#define GW_URL_HOST_MAX 254u /* with NUL */

/** The parts as written, pointing into the text. */
struct gw_url {
    aigw_str scheme, host, port, path, query; /* host with its brackets; port, path and query may be empty */
};

/** Blanks around the text are dropped, the absolute form is demanded, user information, fragments, backslashes and
 * blanks inside are refused. The parts themselves are not looked into. */
const char *gw_url_split(aigw_str text, struct gw_url *ret_url);
/** ASCII only: lower case, without a dot at the end. IPv4 addresses in every spelling that resolvers take (0x7f.1,
 *  2130706433, 0177.0.0.1) become four decimal numbers, IPv6 ones the shortest form, IPv4 inside of IPv6 IPv4. */
const char *gw_url_host(aigw_str host, char ret_host[GW_URL_HOST_MAX]);
bool gw_url_is_ipv4(aigw_str normal_host);
/** Empty: 0. */
const char *gw_url_port(aigw_str port, uint16_t *ret_port);
/** Append the normal form: what need not be encoded is decoded, doubled slashes and one at the end are dropped, bytes
 * that URLs do not have are encoded. "." and ".." as segments, encoded slashes and doubly encoded text are refused. */
const char *gw_url_put_path(struct gw_buf *out, aigw_str path);
/** Append as it is, but for bytes that URLs do not have: those are encoded. */
void gw_url_put_query(struct gw_buf *out, aigw_str query);

#endif
