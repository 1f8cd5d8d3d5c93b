/* reading.h - a client's body, read in a world of its own, and pieces of bodies for tables. */
#ifndef READING_H
#define READING_H

#include "../responses_server.h"
#include "server_host.h"

/** A body in memory of its exact size, and what was read of it. */
struct reading {
    struct server_ctx world;
    char *body;
    size_t len;
    struct openai_asked asked;
    struct aigw_model_request request;
    struct openai_refusal refusal;
};

/** Read a copy of it as the body of that path. budget: bytes that there are, 0 for any number. */
aigw_status reading_begin(struct reading *r, uint32_t path, const char *text, size_t len, size_t budget);
void reading_end(struct reading *r);

/** The request as text: messages with their parts, tools, what is set. */
void reading_put_request(struct aigw_buf *out, const struct aigw_model_request *request);
void reading_put_str(struct aigw_buf *out, const char *name, aigw_str text);

/** Say what is wrong with a row; counted in reading_failures. */
void reading_fail(const char *id, const char *what, aigw_str got);
extern int reading_failures;

#define HI  "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define M   "{\"model\":\"m\","
#define ASK M HI
#define PNG "iVBORw0KGgo="
#define TOOL \
    "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}"
#define CALL "{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}}"

#define ASK_CALLS(content) \
    M "\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":" content \
      ",\"tool_calls\":[" CALL "]},{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"1\"}]}"
#define ASK_RESULT_THEN(content, more) \
    M "\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":null,\"tool_" \
      "calls\":[" CALL "]},{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":" content "}" more "]}"
#define ASK_RESULT(content) ASK_RESULT_THEN(content, "")

#define USER(parts) M "\"messages\":[{\"role\":\"user\",\"content\":[" parts "]}]}"

#endif
