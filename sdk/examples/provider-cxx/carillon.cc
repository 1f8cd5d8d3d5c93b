/* carillon.cc - a provider in C++17 for a made-up server that is asked in lines and answers in lines.
 *
 * Upstream: POST {base_url}/ring       a line `<role> <text as JSON>` for each text of the chat, then a line `go
 * <tokens>` +Hel                   a piece of the answer; a backslash and n is a line feed, two are one =12 3 tokens in
 * and out .stop                  the end and its reason: "stop" or "length" !busy come back        a failure on the
 * way: a word and its explanation POST {base_url}/measure    a line `text <text as JSON>` for each input #0 0.5 -1 0.25
 * a vector and which input it is of .stop State:    struct Settings is what the core fills; what is C++ lives in a
 * Carillon that open() makes and close() ends.
 *
 * No exception leaves a callback: guarded() turns each into a status.
 */
#include <charconv>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <aigw/sdk.h>

namespace
{

using std::string_view;

class Carillon;

struct Settings {
    const char *base_url, *api_key;
    Carillon *carillon;
};

/* A call's state is raw memory, zeroed: no member may need a constructor. */
struct Call {
    uint32_t dropped; /* AIGW_PARAM_* that the server has no word for, to be reported */
};

string_view view(aigw_str text)
{
    return text.len > 0 ? string_view(text.ptr, text.len) : string_view();
}

aigw_str str(string_view text)
{
    return aigw_str{ text.data(), text.size() };
}

/* A failure with its reason, on its way to guarded(). */
struct Refusal {
    aigw_status status;
    std::string why;
};

/* An event with everything unsaid. */
aigw_event event_of(uint32_t type)
{
    aigw_event event{};

    event.struct_size = sizeof event;
    event.type = type;
    return event;
}

struct Parameter {
    uint32_t bit;
    string_view name;
};

constexpr Parameter unknown_parameters[] = {
    { AIGW_PARAM_TEMPERATURE, "temperature" },
    { AIGW_PARAM_TOP_P, "top_p" },
    { AIGW_PARAM_TOP_K, "top_k" },
    { AIGW_PARAM_MIN_P, "min_p" },
    { AIGW_PARAM_SEED, "seed" },
    { AIGW_PARAM_PRESENCE_PENALTY, "presence_penalty" },
    { AIGW_PARAM_FREQUENCY_PENALTY, "frequency_penalty" },
    { AIGW_PARAM_REPETITION_PENALTY, "repetition_penalty" },
    { AIGW_PARAM_MIN_TOKENS, "min_tokens" },
    { AIGW_PARAM_REASONING_BUDGET, "reasoning_budget" },
    { AIGW_PARAM_TOP_LOGPROBS, "top_logprobs" },
};

class Carillon
{
  public:
    Carillon(const aigw_host *host, const Settings &settings) : host_(host), base_(settings.base_url)
    {
        if (settings.api_key && *settings.api_key)
            authorization_ = std::string("Authorization: Bearer ") + settings.api_key;
    }

    aigw_status request(aigw_ctx *ctx, Call &call, const aigw_target &target, const aigw_model_request &req,
                        aigw_http_request &http) const
    {
        if (req.kind != AIGW_CALL_CHAT && req.kind != AIGW_CALL_EMBEDDING)
            throw Refusal{ AIGW_E_UNSUPPORTED, "Carillon knows chats and embeddings" };
        if (req.tools || req.extra.len > 0)
            throw Refusal{ AIGW_E_UNSUPPORTED, "Carillon knows no tools and no extra members" };
        const std::string base = target.endpoint.len > 0 ? std::string(view(target.endpoint)) : base_;
        const bool is_chat = req.kind == AIGW_CALL_CHAT;

        http.method = "POST";
        http.url = keep(ctx, base + (is_chat ? "/ring" : "/measure"));
        http.framing = AIGW_FRAMING_NDJSON; /* a frame per line, be it JSON or not */
        put_headers(ctx, target, http);
        call.dropped = req.params ? req.params->set & ~AIGW_PARAM_MAX_TOKENS : 0;
        return put_body(ctx, req, is_chat, http.body);
    }

    aigw_status frame(aigw_ctx *ctx, Call &call, string_view line) const
    {
        aigw_status status = report_dropped(ctx, call);

        if (status != AIGW_OK)
            return status;
        const char kind = line.empty() ? ' ' : line.front();
        const string_view rest = line.empty() ? line : line.substr(1);

        switch (kind) {
        case '+':
            return text(ctx, rest);
        case '=':
            return usage(ctx, rest);
        case '#':
            return vector(ctx, rest);
        case '.':
            return finish(ctx, rest);
        case '!':
            return error(ctx, rest);
        default:
            throw Refusal{ AIGW_E_UPSTREAM, "the server sent a line that begins with none of + = # . !" };
        }
    }

    aigw_status fail(aigw_ctx *ctx, aigw_status status, const char *why) const
    {
        return host_->fail(ctx, status, "%s", why);
    }

  private:
    /* A copy that lives until this attempt's server has accepted. */
    const char *keep(aigw_ctx *ctx, const std::string &text) const
    {
        char *copy = static_cast<char *>(host_->alloc(ctx, AIGW_LIFE_BUILD, text.size() + 1));

        if (!copy)
            throw std::bad_alloc();
        return static_cast<const char *>(std::memcpy(copy, text.c_str(), text.size() + 1));
    }

    /* The client's own key goes where the client wants; ours goes to our own server and nowhere else. */
    void put_headers(aigw_ctx *ctx, const aigw_target &target, aigw_http_request &http) const
    {
        auto **headers = static_cast<const char **>(host_->alloc(ctx, AIGW_LIFE_BUILD, 2 * sizeof(const char *)));

        if (!headers)
            throw std::bad_alloc();
        headers[http.header_count++] = "Content-Type: text/plain; charset=utf-8";
        if (target.api_key.len > 0)
            headers[http.header_count++] = keep(ctx, "Authorization: Bearer " + std::string(view(target.api_key)));
        else if (!(target.flags & AIGW_TARGETF_CALLER_ENDPOINT) && !authorization_.empty())
            headers[http.header_count++] = authorization_.c_str();
        http.headers = headers;
    }

    void put_message(aigw_buf *body, const aigw_message &message) const
    {
        static const char *const names[] = { "", "rules", "user", "model", "", "rules" };

        if (message.role >= std::size(names) || !*names[message.role] || message.extra.len > 0)
            throw Refusal{ AIGW_E_UNSUPPORTED,
                           "Carillon has no line for a message of role " + std::to_string(message.role) };
        for (const aigw_part *part = message.parts; part; part = part->next) {
            if (part->type != AIGW_PART_TEXT || part->extra.len > 0)
                throw Refusal{ AIGW_E_UNSUPPORTED,
                               "Carillon takes texts only, found a part of type " + std::to_string(part->type) };
            host_->buf_printf(body, "%s ", names[message.role]);
            host_->buf_json(body, part->text);
            host_->buf_put(body, "\n", 1);
        }
    }

    aigw_status put_body(aigw_ctx *ctx, const aigw_model_request &req, bool is_chat, aigw_str &ret) const
    {
        aigw_buf *body = host_->buf_new(ctx, AIGW_LIFE_BUILD, size_t{ 32 } << 20);

        if (!body)
            return AIGW_E_NOMEM;
        for (const aigw_message *message = req.messages; is_chat && message; message = message->next)
            put_message(body, *message);
        for (uint32_t i = 0; !is_chat && i < req.input_count; i++) {
            host_->buf_printf(body, "text ");
            host_->buf_json(body, req.inputs[i]);
            host_->buf_put(body, "\n", 1);
        }
        if (is_chat && req.params && (req.params->set & AIGW_PARAM_MAX_TOKENS))
            host_->buf_printf(body, "go %lld\n", static_cast<long long>(req.params->max_tokens));
        else if (is_chat)
            host_->buf_printf(body, "go\n");
        return host_->buf_view(body, &ret); /* whatever went wrong above shows here */
    }

    aigw_status report_dropped(aigw_ctx *ctx, Call &call) const
    {
        const uint32_t dropped = call.dropped;

        call.dropped = 0;
        for (const Parameter &parameter : unknown_parameters)
            if (dropped & parameter.bit) {
                aigw_event event = event_of(AIGW_EVENT_DROPPED);

                event.name = str(parameter.name);
                if (const aigw_status status = host_->emit(ctx, &event); status != AIGW_OK)
                    return status;
            }
        return AIGW_OK;
    }

    aigw_status text(aigw_ctx *ctx, string_view written) const
    {
        std::string plain;
        aigw_event event = event_of(AIGW_EVENT_TEXT);

        plain.reserve(written.size());
        for (size_t i = 0; i < written.size(); i++) {
            const bool is_escape = written[i] == '\\' && i + 1 < written.size();

            plain += is_escape ? (written[i + 1] == 'n' ? '\n' : written[i + 1]) : written[i];
            i += is_escape ? 1 : 0;
        }
        event.text = str(plain);
        return host_->emit(ctx, &event);
    }

    /* The next number of a line, behind its blanks. */
    template <typename Number> static Number number(string_view &line)
    {
        Number value{};

        while (!line.empty() && line.front() == ' ')
            line.remove_prefix(1);
        const auto [end, problem] = std::from_chars(line.data(), line.data() + line.size(), value);

        if (problem != std::errc())
            throw Refusal{ AIGW_E_UPSTREAM, "the server sent a line with something that is no number" };
        line.remove_prefix(static_cast<size_t>(end - line.data()));
        return value;
    }

    aigw_status usage(aigw_ctx *ctx, string_view line) const
    {
        aigw_usage usage = AIGW_USAGE_INIT;
        aigw_event event = event_of(AIGW_EVENT_USAGE);

        usage.input = number<int64_t>(line);
        usage.output = number<int64_t>(line);
        event.usage = &usage;
        return host_->emit(ctx, &event);
    }

    aigw_status vector(aigw_ctx *ctx, string_view line) const
    {
        std::vector<float> values;
        aigw_event event = event_of(AIGW_EVENT_EMBEDDING);

        event.index = number<uint32_t>(line);
        while (line.find_first_not_of(' ') != string_view::npos)
            values.push_back(number<float>(line));
        event.vector = values.data();
        event.vector_len = static_cast<uint32_t>(values.size());
        return host_->emit(ctx, &event);
    }

    aigw_status finish(aigw_ctx *ctx, string_view reason) const
    {
        aigw_event event = event_of(AIGW_EVENT_FINISH);

        event.text = str(reason);
        event.finish = reason == "stop"     ? AIGW_FINISH_STOP
                       : reason == "length" ? AIGW_FINISH_LENGTH
                                            : AIGW_FINISH_UNKNOWN;
        const aigw_status status = host_->emit(ctx, &event);

        return status == AIGW_OK ? AIGW_DONE : status;
    }

    aigw_status error(aigw_ctx *ctx, string_view line) const
    {
        const size_t blank = line.find(' ');
        aigw_error error{};
        aigw_event event = event_of(AIGW_EVENT_ERROR);

        error.struct_size = sizeof error;
        error.retry_after_ms = -1;
        error.code = str(line.substr(0, blank));
        error.message = blank == string_view::npos ? error.code : str(line.substr(blank + 1));
        error.kind = view(error.code) == "busy" ? AIGW_ERR_OVERLOADED : AIGW_ERR_SERVER;
        event.error = &error;
        return host_->emit(ctx, &event);
    }

    const aigw_host *host_;
    std::string base_, authorization_;
};

/* Run one callback; nothing that is thrown gets out. */
template <typename Callback> aigw_status guarded(aigw_ctx *ctx, const Carillon &carillon, Callback callback) noexcept
{
    try {
        return callback();
    } catch (const Refusal &refusal) {
        return carillon.fail(ctx, refusal.status, refusal.why.c_str());
    } catch (const std::bad_alloc &) {
        return AIGW_E_NOMEM;
    } catch (const std::exception &exception) {
        return carillon.fail(ctx, AIGW_E_UPSTREAM, exception.what());
    }
}

extern "C" {

static aigw_status carillon_open(const aigw_host *host, aigw_ctx *ctx, void *self)
{
    auto *settings = static_cast<Settings *>(self);

    try {
        settings->carillon = new Carillon(host, *settings);
    } catch (const std::exception &exception) {
        return host->fail(ctx, AIGW_E_NOMEM, "%s", exception.what());
    }
    return AIGW_OK;
}

static void carillon_close(void *self)
{
    delete static_cast<Settings *>(self)->carillon;
}

static aigw_status carillon_request(aigw_ctx *ctx, void *self, void *call, const aigw_target *target,
                                    const aigw_model_request *req, aigw_http_request *ret_http)
{
    const Carillon &carillon = *static_cast<const Settings *>(self)->carillon;

    return guarded(ctx, carillon,
                   [&] { return carillon.request(ctx, *static_cast<Call *>(call), *target, *req, *ret_http); });
}

static aigw_status carillon_frame(aigw_ctx *ctx, void *self, void *call, const aigw_frame *frame)
{
    const Carillon &carillon = *static_cast<const Settings *>(self)->carillon;

    return guarded(ctx, carillon, [&] { return carillon.frame(ctx, *static_cast<Call *>(call), view(frame->data)); });
}

} /* extern "C" */

/* C++17 has no designated initializers: tables are filled by functions, once, before anybody reads them. */
aigw_setting setting(const char *name, uint32_t flags, size_t offset, const char *help)
{
    aigw_setting row{};

    row.name = name;
    row.type = AIGW_SET_STRING;
    row.flags = flags;
    row.offset = offset;
    row.help = help;
    return row;
}

const aigw_setting carillon_settings[] = {
    setting("base_url", AIGW_SETF_REQUIRED | AIGW_SETF_URL, offsetof(Settings, base_url),
            "Root URL of the Carillon server."),
    setting("api_key", AIGW_SETF_SECRET, offsetof(Settings, api_key), "Key for base_url; left out when empty."),
};

aigw_provider_ops make_ops()
{
    aigw_provider_ops ops{};

    ops.struct_size = sizeof ops;
    ops.call_size = sizeof(Call);
    ops.open = carillon_open;
    ops.close = carillon_close;
    ops.request = carillon_request;
    ops.frame = carillon_frame;
    return ops;
}

const aigw_provider_ops carillon_ops = make_ops();

} /* namespace */

AIGW_PLUGIN(.kind = AIGW_KIND_PROVIDER, .name = "carillon", .version = "1.0.0",
            .summary = "Chats and embeddings of a Carillon server", .state_size = sizeof(Settings),
            AIGW_SETTINGS(carillon_settings), .provider = &carillon_ops);
