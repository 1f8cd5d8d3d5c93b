// headers.cc - the SDK in C++17, pedantic: a provider that uses every macro of the headers. Tables are written without
// designated initializers here, because those are C++20.
#include <aigw/sdk.h>

#include <cstring>
#include <string>

namespace {

struct State {
    const aigw_host *host;
    const char *greeting;
    int64_t count;
};

const aigw_setting settings[] = {
    { "greeting", AIGW_SET_STRING, 0, offsetof(State, greeting), "hello", 0, 0, nullptr, "What is said first." },
    { "count", AIGW_SET_INT, 0, offsetof(State, count), "1", 1, 9, nullptr, "How many times it is said." },
};
const char *const labels[] = { "result" };
const aigw_metric metrics[] = { { "greeter_total", "Greetings.", labels, 1 } };

aigw_status open(const aigw_host *host, aigw_ctx *ctx, void *self)
{
    auto *state = static_cast<State *>(self);

    state->host = host;
    if (!AIGW_HAS(host, sign_token))
        return host->fail(ctx, AIGW_E_CONFIG, "the host is too short");
    return AIGW_OK;
}

aigw_status request(aigw_ctx *ctx, void *self, void *, const aigw_target *, const aigw_model_request *req,
                    aigw_http_request *http)
{
    const auto *state = static_cast<const State *>(self);

    if (req->kind != AIGW_CALL_CHAT || req->extra.len > 0 || req->tools)
        return state->host->fail(ctx, AIGW_E_UNSUPPORTED, "only chats");
    for (auto *message = req->messages; message; message = message->next)
        for (auto *part = message->parts; part; part = part->next)
            if (part->type != AIGW_PART_TEXT || part->extra.len > 0 || message->extra.len > 0 ||
                message->role > AIGW_ROLE_DEVELOPER)
                return state->host->fail(ctx, AIGW_E_UNSUPPORTED, "only text");
    http->framing = AIGW_FRAMING_LOCAL;
    return AIGW_OK;
}

aigw_status produce(aigw_ctx *ctx, void *self, void *, aigw_produce *next)
{
    const auto *state = static_cast<const State *>(self);
    const aigw_str label = AIGW_STR("ok");
    std::string said; // C++'s own library is there, too
    aigw_usage usage = AIGW_USAGE_INIT;
    aigw_event event{};
    aigw_status status;

    for (int64_t i = 0; i < state->count; i++)
        said += state->greeting;
    event.struct_size = sizeof event;
    event.type = AIGW_EVENT_TEXT;
    event.text = { said.data(), said.size() };
    status = state->host->emit(ctx, &event);
    if (status != AIGW_OK)
        return status;
    usage.output = state->count;
    event.type = AIGW_EVENT_USAGE;
    event.text = AIGW_STR_NONE;
    event.usage = &usage;
    status = state->host->emit(ctx, &event);
    if (status != AIGW_OK)
        return status;
    event.type = AIGW_EVENT_FINISH;
    event.usage = nullptr;
    event.finish = AIGW_FINISH_STOP;
    next->is_done = 1;
    state->host->count(ctx, 0, &label, 1);
    return state->host->emit(ctx, &event);
}

aigw_provider_ops make_ops()
{
    aigw_provider_ops ops{};

    ops.struct_size = sizeof ops;
    ops.open = open;
    ops.request = request;
    ops.produce = produce;
    return ops;
}
const aigw_provider_ops ops = make_ops();

} // namespace

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "greeter", .version = "1.0.0", .summary = "Says hello in C++",
            .state_size = sizeof(State), AIGW_SETTINGS(settings), AIGW_METRICS(metrics), .provider = &ops);
