/* odd_provider.c - a provider that sends and counts what its settings say, and ends the process where they say so: for
 * tests of what a case file finds. */
#include <aigw/sdk.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct odd {
    const struct aigw_host *host;
    const char *body, *ends;
    struct aigw_list headers;
    int64_t counts;
    int32_t has_nul;
};

static const struct aigw_setting odd_settings[] = {
    { .name = "body",
      .type = AIGW_SET_STRING,
      .default_value = "{}",
      .offset = offsetof(struct odd, body),
      .help = "The body that is sent." },
    { .name = "headers",
      .type = AIGW_SET_LIST,
      .offset = offsetof(struct odd, headers),
      .help = "The header lines that are sent." },
    { .name = "counts",
      .type = AIGW_SET_INT,
      .min = 0,
      .max = 9,
      .offset = offsetof(struct odd, counts),
      .help = "How often each request is counted." },
    { .name = "has_nul",
      .type = AIGW_SET_BOOL,
      .offset = offsetof(struct odd, has_nul),
      .help = "The body goes on behind a NUL byte." },
    { .name = "ends",
      .type = AIGW_SET_STRING,
      .default_value = "nowhere",
      .choices = "nowhere|open|exit in open|request|exit in request|close",
      .offset = offsetof(struct odd, ends),
      .help = "Where the process ends." },
};

static const struct aigw_metric odd_metrics[] = { { .name = "odd_total", .help = "Requests." } };

static void end_at(const struct odd *odd, const char *place)
{
    if (strcmp(odd->ends, place) == 0)
        _exit(0);
    if (strncmp(odd->ends, "exit in ", 8) == 0 && strcmp(odd->ends + 8, place) == 0)
        exit(0);
}

static aigw_status odd_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    (void)ctx;
    ((struct odd *)self)->host = host;
    end_at(self, "open");
    return AIGW_OK;
}

static void odd_close(void *self)
{
    end_at(self, "close");
}

static aigw_status odd_request(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_target *target,
                               const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct odd *odd = self;

    (void)call, (void)target;
    end_at(odd, "request");
    if (req->kind != AIGW_CALL_COMPLETION)
        return odd->host->fail(ctx, AIGW_E_UNSUPPORTED, "only completions");
    for (int64_t i = 0; i < odd->counts; i++)
        odd->host->count(ctx, 0, NULL, 1);
    ret_http->method = "POST";
    ret_http->url = "http://127.0.0.1:9/odd";
    ret_http->headers = odd->headers.items;
    ret_http->header_count = (uint32_t)odd->headers.count;
    ret_http->body = (aigw_str){ odd->body, strlen(odd->body) };
    if (odd->has_nul)
        ret_http->body = AIGW_STR("{\"a\":1}\0behind");
    ret_http->framing = AIGW_FRAMING_NDJSON;
    return AIGW_OK;
}

static aigw_status odd_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    const struct aigw_host *host = ((const struct odd *)self)->host;
    const struct aigw_event event = { .struct_size = sizeof event, .type = AIGW_EVENT_TEXT, .text = frame->data };
    const struct aigw_event finish = { .struct_size = sizeof finish,
                                       .type = AIGW_EVENT_FINISH,
                                       .finish = AIGW_FINISH_STOP };
    aigw_status status = host->emit(ctx, &event);

    (void)call;
    if (status == AIGW_OK)
        status = host->emit(ctx, &finish);
    return status == AIGW_OK ? AIGW_DONE : status;
}

static const struct aigw_provider_ops odd_ops = {
    .struct_size = sizeof odd_ops, .open = odd_open, .close = odd_close, .request = odd_request, .frame = odd_frame
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "odd", .version = "0.1.0", .summary = "Sends what its settings say",
            .state_size = sizeof(struct odd), AIGW_SETTINGS(odd_settings), AIGW_METRICS(odd_metrics),
            .provider = &odd_ops);
