/* probe.h - one HTTP request that an operator's command makes and waits for, with what a diagnosis needs: why it
 * failed, how long each step took, whose certificate was shown, when the pieces of the body arrived. */
#ifndef GW_CLI_PROBE_H
#define GW_CLI_PROBE_H

#include "base/base.h"

#define CLI_PIECES_MAX 256

struct cli_probe {
    const char *url;
    const char *post;          /* JSON body of a POST; NULL: GET */
    const char *bearer;        /* sent as authorization; NULL: none */
    int64_t timeout_ms;        /* for everything */
    const char *ca_file;       /* NULL: the system's */
    const char *extra_ca_file; /* trusted besides, NULL: none */
    bool is_local;             /* to this machine: no proxy, and its certificate is not verified */
};

/** Ended by cli_answer_done(). */
struct cli_answer {
    long status;         /* 0: none came, `error` says why */
    struct gw_err error; /* names host, cause and, for TLS, subject and issuer */
    bool is_tls_error;
    bool is_refused; /* nothing listens there */
    bool is_timeout;
    struct gw_buf body; /* at most 1 MiB of it */
    char content_type[128];
    int64_t clock_ahead_s; /* the Date header against our clock; 0 without one */
    bool has_date;
    int64_t connect_ms, total_ms;
    char subject[160], issuer[160];    /* of the server's own certificate, "" when unknown */
    int chain_len;                     /* certificates it sent */
    bool names_its_signer;             /* its certificate says where that of its signer is to be had */
    int64_t pieces_ms[CLI_PIECES_MAX]; /* arrival of each piece of the body, since the request was begun */
    size_t piece_count;
};

void cli_probe(const struct cli_probe *probe, struct cli_answer *ret_answer);
void cli_answer_done(struct cli_answer *answer);
/** The body looks like a page for people: a portal or a proxy answered. */
bool cli_answer_is_html(const struct cli_answer *answer);

#endif
