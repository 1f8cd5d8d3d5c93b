/* internal.h - shared by the files of this folder only.
 *
 *     upstream.c   the worker's state: curl multi handles, sockets, timers, pools
 *     url.c        what a URL says
 *     call.c       one call: set-up, cancel, resume, timer, end
 *     callbacks.c  what curl calls while it runs
 *     report.c     how a call ended: kind and words
 *
 * libcurl may be entered from one place at a time. While it runs (`in_curl`), its callbacks call ours, and what they
 * ask for (start, cancel, resume) waits in a list until libcurl has returned.
 */
#ifndef GW_UPSTREAM_INTERNAL_H
#define GW_UPSTREAM_INTERNAL_H

#include <curl/curl.h>

#include "upstream/address.h"
#include "upstream/trust.h"
#include "upstream/upstream.h"

/** A multi handle serves at most this many calls at a time: its connection cache is walked linearly. */
#define GW_MULTI_CALLS 128u

/** A body up to this size goes out together with the head in one send; libcurl takes a copy for that. A larger one is
 *  read piece by piece from the caller's memory. */
#define GW_BODY_WITH_HEAD_MAX 32768u

/** One curl multi handle: calls that may share connections. */
struct gw_multi {
    struct gw_multi *next;
    struct gw_upstream *up;
    CURLM *curl;
    struct gw_trust *trust; /* NULL: plain HTTP */
    uint32_t calls;
    bool is_checked; /* every connection passed the address policy */
    bool is_retired; /* takes no new calls; goes when the last one ends */
    int64_t empty_since_ms;
    struct gw_timer timer; /* what curl asked for */
    struct gw_task kick;   /* curl asked for "now" */
};

/** A descriptor that curl watches, found by its number. */
struct gw_up_sock {
    struct gw_fd fd;
    struct gw_upstream *up;
    struct gw_multi *multi; /* who drives it, NULL while it idles in a pool */
    bool is_connection;     /* established: such a one curl closes through gw_up_close_socket(), others silently */
};

/* What is known about a URL that was called before: the same few come again and again. */
#define GW_URLS_KEPT 16u
struct gw_up_url {
    uint32_t refs;
    long port;
    bool is_https;
    char *host;   /* curl's */
    CURLU *parts; /* taken apart: saves curl doing it again for every call */
    char url[];
};

struct gw_upstream {
    struct gw_loop *loop;
    struct gw_up_url *urls[GW_URLS_KEPT]; /* by hash of the URL; NULL: empty */
    struct gw_upstream_options options;
    struct gw_proxies proxies;
    CURLSH *share; /* one DNS cache for all multi handles */
    struct gw_multi *multis;
    struct gw_trust *trusts;
    struct gw_up_sock **socks; /* by descriptor number */
    size_t sock_count;
    CURL **idle_easies;
    size_t idle_easy_count;
    struct gw_transfer *calls;   /* all of them */
    struct gw_transfer *waiting; /* something to do once curl has returned */
    struct gw_task settle;
    struct gw_timer sweep;
    uint32_t call_count;
    uint32_t connection_count;
    uint32_t in_curl;
};

struct gw_transfer {
    struct gw_transfer *prev, *next;
    struct gw_transfer *next_waiting;
    struct gw_upstream *up;
    struct gw_multi *multi; /* NULL before it is added */
    CURL *easy;
    struct gw_trust *trust;
    struct gw_transfer_events events;
    struct gw_trust_check check;
    struct gw_timer timer;      /* idle and total in one, armed lazily */
    struct curl_slist *headers; /* one block; gone after the head */
    aigw_str body;
    size_t body_sent;
    char *body_rest; /* ours, when the answer came before the body was read */
    const char *proxy;
    const char *refusal; /* address policy: why */
    struct gw_up_url *url;
    int64_t started_ms, last_ms; /* of the last sign of life */
    int64_t idle_ms, total_ms, connect_ms;
    size_t body_max, received;
    uint32_t flags;
    bool is_waiting, is_queued_start, is_unstartable, is_cancelled, is_finishing, is_paused, is_resuming;
    bool is_ready; /* connected, the request is going out */
    bool is_client_cert_wanted;
    bool does_watch_trust; /* trust.c looks at each new session */
    bool did_head, got_bytes, is_stopped, is_too_large, is_over_idle, is_over_total, did_retry_trust;
    char error[CURL_ERROR_SIZE];
};

/* upstream.c */
CURL *gw_up_easy_take(struct gw_upstream *up);
void gw_up_easy_give(struct gw_upstream *up, CURL *easy);
/** A multi handle with room for one more call of this kind. NULL when out of memory. */
struct gw_multi *gw_up_multi_for(struct gw_upstream *up, struct gw_trust *trust, bool is_checked);
struct gw_trust *gw_up_trust_for(struct gw_upstream *up, const struct gw_upstream_tls *tls);
/** One call less on this multi handle. */
void gw_up_multi_left(struct gw_multi *multi);
/** Let the call's wish be looked at once curl is not running. */
void gw_up_wait(struct gw_transfer *call);
curl_socket_t gw_up_open_socket(struct gw_upstream *up, const struct curl_sockaddr *address);
int gw_up_close_socket(void *user, curl_socket_t fd);

/* callbacks.c */
/** Our callbacks, once per handle; their user data comes with each call. */
void gw_call_prepare_easy(CURL *easy);

/* url.c */
/** Find or make call->url; refuses what we do not call. */
aigw_status gw_call_parse_url(struct gw_transfer *call, const char *url, struct gw_err *reterr);
/** NULL is fine. */
void gw_up_url_unref(struct gw_up_url *url);

/* call.c */
/** See that the timer fires when the idle or total limit may be over. */
void gw_call_arm(struct gw_transfer *call);
/** Act on what was asked for while curl ran. */
void gw_call_settle(struct gw_transfer *call);
/** curl is done with it. */
void gw_call_finished(struct gw_transfer *call, CURLcode code);
/** Off every list, no callbacks. */
void gw_call_destroy(struct gw_transfer *call);

/* report.c */
/** Fill what is known about the end of the call; the message is written to `text`. */
void gw_call_report(struct gw_transfer *call, CURLcode code, char *text, size_t text_size,
                    struct gw_transfer_result *ret_result);

#endif
