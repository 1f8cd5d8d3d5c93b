/* sample.h - what a running gateway says of itself at one moment: its metrics page and /monitoring/ready?verbose. */
#ifndef GW_CLI_SAMPLE_H
#define GW_CLI_SAMPLE_H

#include "cli/gateway.h"

#define SAMPLE_ROWS_MAX 64

/** Calls of one model, as clients know it, or attempts at one provider of conf.d. */
struct sample_row {
    char name[96], engine[64];
    double in_flight, calls, errors, seconds;
};

struct sample {
    int64_t taken_ms;          /* monotonic */
    long ready_status;         /* 200, 503; 0: no answer */
    struct json_object *ready; /* NULL: no answer */
    bool has_metrics;
    double requests, client_errors, server_errors; /* since the start */
    double open_requests, open_connections, model_connections;
    double cpu_s, memory, descriptors, descriptors_max, log_dropped;
    struct sample_row models[SAMPLE_ROWS_MAX], providers[SAMPLE_ROWS_MAX];
    size_t model_count, provider_count;
    struct gw_err error; /* why there is no answer */
};

/** Ask now, metrics_url may be NULL. False when nothing answers: then error says why. sample_done() in any case. */
bool sample_take(const char *ready_url, const char *metrics_url, struct sample *ret_sample);
void sample_done(struct sample *sample);
/** The row of the same name in an earlier sample, NULL. */
const struct sample_row *sample_find(const struct sample_row *rows, size_t count, const struct sample_row *like);

#endif
