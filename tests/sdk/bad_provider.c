/* bad_provider.c - a provider that breaks one rule of the headers, chosen by the setting `breaks`; the test host must
 * find each. With "nothing" it is a good one: one text per line of the answer, "." ends it. */
#include <aigw/sdk.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bad {
    const struct aigw_host *host;
    const char *breaks;
    int frames; /* of all answers so far */
};

static const struct aigw_setting bad_settings[] = {
    { .name = "breaks",
      .type = AIGW_SET_STRING,
      .offset = offsetof(struct bad, breaks),
      .default_value = "nothing",
      .help = "The rule to break." },
};

static int breaks(const struct bad *bad, const char *rule)
{
    return strcmp(bad->breaks, rule) == 0;
}

/* Nobody keeps the address: it is lost, and no compiler may leave it out. */
static void lose_memory(void)
{
    *(void *volatile *)&(void *){ NULL } = malloc(24);
}

/* 12 ms at work, or asleep. */
static void hold_up(const struct bad *bad)
{
    const clock_t end = clock() + 12 * (CLOCKS_PER_SEC / 1000);

    if (breaks(bad, "sleeps"))
        nanosleep(&(struct timespec){ .tv_nsec = 12000000 }, NULL);
    while (breaks(bad, "spins") && clock() < end)
        continue;
}

static aigw_status bad_open(const struct aigw_host *host, struct aigw_ctx *ctx, void *self)
{
    struct bad *bad = self;

    bad->host = host;
    if (breaks(bad, "leaks"))
        lose_memory();
    if (breaks(bad, "leaves files open") && open("/dev/null", O_RDONLY) < 0)
        return AIGW_E_CONFIG;
    if (breaks(bad, "open emits"))
        host->emit(ctx, &(struct aigw_event){ .struct_size = sizeof(struct aigw_event), .type = AIGW_EVENT_TEXT });
    return AIGW_OK;
}

static int is_known(const struct bad *bad, const struct aigw_model_request *req)
{
    if (req->kind != AIGW_CALL_CHAT && !breaks(bad, "takes any kind"))
        return 0;
    if (req->tools || (req->extra.len > 0 && !breaks(bad, "loses extra")))
        return 0;
    for (const struct aigw_message *msg = req->messages; msg; msg = msg->next) {
        if ((msg->role > AIGW_ROLE_DEVELOPER && !breaks(bad, "takes any role")) || msg->extra.len > 0)
            return 0;
        for (const struct aigw_part *part = msg->parts; part; part = part->next)
            if ((part->type != AIGW_PART_TEXT && !breaks(bad, "loses parts")) || part->extra.len > 0)
                return 0;
    }
    return 1;
}

static aigw_status bad_request(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_target *target,
                               const struct aigw_model_request *req, struct aigw_http_request *ret_http)
{
    const struct bad *bad = self;
    const struct aigw_message *msg = req->messages;

    (void)call, (void)target;
    hold_up(bad);
    if (breaks(bad, "crashes"))
        raise(SIGSEGV);
    if (!is_known(bad, req))
        return breaks(bad, "no reason") ? AIGW_E_UNSUPPORTED
                                        : bad->host->fail(ctx, AIGW_E_UNSUPPORTED, "only chats of texts");
    if (breaks(bad, "answers the client"))
        bad->host->respond(ctx, 200, NULL, AIGW_STR("{}"), NULL, 0);
    if (breaks(bad, "reads the client"))
        bad->host->header(ctx, "authorization");
    if (breaks(bad, "request emits"))
        bad->host->emit(ctx, &(struct aigw_event){ .struct_size = sizeof(struct aigw_event), .type = AIGW_EVENT_TEXT });
    if (breaks(bad, "pends for nothing"))
        return AIGW_PENDING;
    ret_http->method = "POST";
    ret_http->url = "http://127.0.0.1:9/";
    ret_http->framing = AIGW_FRAMING_NDJSON;
    ret_http->body = msg && msg->parts ? msg->parts->text : AIGW_STR("none");
    if (breaks(bad, "copies by its size") && msg)
        ret_http->body = (aigw_str){ bad->host->format(ctx, AIGW_LIFE_BUILD, "%u", msg->struct_size), 2 };
    return AIGW_OK;
}

static aigw_status emit(const struct bad *bad, struct aigw_ctx *ctx, struct aigw_event event)
{
    event.struct_size = breaks(bad, "no size") ? 0 : sizeof event;
    return bad->host->emit(ctx, &event);
}

static aigw_status bad_frame(struct aigw_ctx *ctx, void *self, void *call, const struct aigw_frame *frame)
{
    struct bad *bad = self;
    const struct aigw_usage usage = { .input = 1 };
    aigw_status status;

    (void)call;
    if (breaks(bad, "leaks in frames"))
        lose_memory();
    if (++bad->frames == 20 && breaks(bad, "tires")) /* whole and in pieces the three lines were answered before */
        return emit(bad, ctx, (struct aigw_event){ .type = AIGW_EVENT_TEXT, .text = AIGW_STR("yawn") });
    if (frame->data.len == 1 && frame->data.ptr[0] == '.') {
        status = emit(bad, ctx, (struct aigw_event){ .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_STOP });
        if (status == AIGW_OK && breaks(bad, "finishes twice"))
            status = emit(bad, ctx, (struct aigw_event){ .type = AIGW_EVENT_FINISH, .finish = AIGW_FINISH_STOP });
        return status == AIGW_OK ? AIGW_DONE : status;
    }
    status = emit(bad, ctx, (struct aigw_event){ .type = AIGW_EVENT_TEXT, .text = frame->data });
    if (status == AIGW_OK && breaks(bad, "null text"))
        emit(bad, ctx, (struct aigw_event){ .type = AIGW_EVENT_TEXT, .text = { NULL, 5 } });
    if (breaks(bad, "emits on"))
        status = emit(bad, ctx, (struct aigw_event){ .type = AIGW_EVENT_TEXT, .text = frame->data });
    if (breaks(bad, "loses what emit says"))
        return AIGW_OK;
    if (breaks(bad, "pends in a frame"))
        return AIGW_PENDING;
    if (status == AIGW_OK && breaks(bad, "usage without size"))
        status = emit(bad, ctx, (struct aigw_event){ .type = AIGW_EVENT_USAGE, .usage = &usage });
    if (status == AIGW_OK && breaks(bad, "tool with a gap"))
        status = emit(bad, ctx, (struct aigw_event){ .type = AIGW_EVENT_TOOL_CALL, .index = 1, .id = AIGW_STR("c") });
    if (status == AIGW_OK && breaks(bad, "tool named twice")) {
        const struct aigw_event tool = { .type = AIGW_EVENT_TOOL_CALL, .id = AIGW_STR("c"), .name = AIGW_STR("t") };

        status = emit(bad, ctx, tool);
        status = status == AIGW_OK ? emit(bad, ctx, tool) : status;
    }
    return status;
}

static const struct aigw_provider_ops bad_ops = {
    .struct_size = sizeof bad_ops, .open = bad_open, .request = bad_request, .frame = bad_frame
};

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "bad_provider", .version = "0.1.0", .summary = "Breaks one rule",
            .state_size = sizeof(struct bad), AIGW_SETTINGS(bad_settings), .provider = &bad_ops);
