/* agent_lines.c - the lines of POST /v2/chat/agent. GitLab cuts its buffer at "}\n": one object a line, nothing else;
 * blanks behind ':' and ',' and \uXXXX as it has always seen them. */
#include "duo_chat.h"

#define PUT(literal) host->buf_put(agent->line, literal, sizeof literal - 1)

static aigw_status send(struct aigw_ctx *ctx, const struct aigw_host *host, struct chat_agent *agent)
{
    aigw_str line;
    aigw_status status = host->buf_view(agent->line, &line);

    if (status == AIGW_OK)
        status = host->stream_write(ctx, line);
    host->buf_clear(agent->line);
    agent->did_write = true;
    return status;
}

aigw_status chat_line_delta(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent, aigw_str text,
                            aigw_str finish_reason)
{
    const struct aigw_host *host = chat->host;

    PUT("{\"type\": \"final_answer_delta\", \"data\": {\"text\": ");
    host->buf_json_ascii(agent->line, text);
    if (finish_reason.len) {
        PUT(", \"finish_reason\": ");
        host->buf_json_ascii(agent->line, finish_reason);
        PUT("}}\n");
    } else {
        PUT(", \"finish_reason\": null}}\n");
    }
    return send(ctx, host, agent);
}

aigw_status chat_line_action(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent, aigw_str tool,
                             const struct react_step *step)
{
    const struct aigw_host *host = chat->host;

    PUT("{\"type\": \"action\", \"data\": {\"tool\": ");
    host->buf_json_ascii(agent->line, tool);
    PUT(", \"tool_input\": ");
    host->buf_json_ascii(agent->line, step->input);
    PUT(", \"thought\": ");
    host->buf_json_ascii(agent->line, step->thought);
    PUT("}}\n");
    return send(ctx, host, agent);
}

aigw_status chat_line_unknown(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                              aigw_str text)
{
    const struct aigw_host *host = chat->host;

    PUT("{\"type\": \"unknown\", \"data\": {\"text\": ");
    host->buf_json_ascii(agent->line, text);
    PUT("}}\n");
    return send(ctx, host, agent);
}

aigw_status chat_line_error(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent,
                            aigw_str message, bool is_retryable)
{
    const struct aigw_host *host = chat->host;

    PUT("{\"type\": \"error\", \"data\": {\"message\": ");
    host->buf_json_ascii(agent->line, message);
    if (is_retryable)
        PUT(", \"retryable\": true}}\n");
    else
        PUT(", \"retryable\": false}}\n");
    return send(ctx, host, agent);
}

aigw_status chat_line_usage(struct aigw_ctx *ctx, const struct duo_chat *chat, struct chat_agent *agent)
{
    const struct aigw_host *host = chat->host;

    PUT("{\"type\": \"usage\", \"data\": {\"usage\": {");
    host->buf_json_ascii(agent->line, agent->upstream_name);
    host->buf_printf(agent->line, ": {\"input_tokens\": %lld, \"output_tokens\": %lld}}}}\n",
                     (long long)agent->usage.input, (long long)agent->usage.output);
    return send(ctx, host, agent);
}
