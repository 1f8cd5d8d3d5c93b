/* reading.c - see reading.h. */
#include "reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int reading_failures;

void reading_fail(const char *id, const char *what, aigw_str got)
{
    fprintf(stderr, "%s: %s: %.*s\n", id, what, AIGW_STR_ARG(got));
    reading_failures++;
}

typedef aigw_status (*reading_fn)(const struct aigw_host *host, struct aigw_ctx *ctx, aigw_str body,
                                  struct openai_asked *ret_asked, struct aigw_model_request *ret_request,
                                  struct openai_refusal *ret_refusal);

aigw_status reading_begin(struct reading *r, uint32_t path, const char *text, size_t len, size_t budget)
{
    static const reading_fn readers[] = { [OPENAI_CHAT] = openai_read_chat,
                                          [OPENAI_COMPLETION] = openai_read_completion,
                                          [OPENAI_EMBEDDING] = openai_read_embedding };

    memset(r, 0, sizeof *r);
    r->world.budget = budget;
    r->body = malloc(len > 0 ? len : 1);
    if (!r->body)
        abort();
    memcpy(r->body, text, len);
    r->len = len;
    r->request.struct_size = sizeof r->request;
    return readers[path](&server_host, server_ctx(&r->world), (aigw_str){ r->body, len }, &r->asked, &r->request,
                         &r->refusal);
}

void reading_end(struct reading *r)
{
    server_free(&r->world);
    free(r->body);
}
