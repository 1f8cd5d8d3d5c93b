/* headers.c - what is kept of an answer's headers: those that the feature asked for, and the rate limits. */
#include "models/call.h"

#include <stdlib.h>
#include <string.h>

#define WANTED_MAX 16u

/* Room is made once; each attempt's answer fills it anew. */
static void keep_wanted(struct aigw_call *call, const struct gw_transfer *transfer)
{
    const struct aigw_call_options *options = &call->in.options;
    uint32_t wanted = options->answer_header_count < WANTED_MAX ? options->answer_header_count : WANTED_MAX;

    call->answer_header_count = 0;
    if (!options->answer_headers || wanted == 0)
        return;
    if (!call->answer_headers)
        call->answer_headers = gw_arena_calloc(call->in.arena, wanted * sizeof *call->answer_headers);
    for (uint32_t i = 0; call->answer_headers && i < wanted; i++) {
        aigw_str value = gw_transfer_header(transfer, options->answer_headers[i]);

        if (!value.ptr)
            continue;
        value = gw_arena_str(call->in.arena, value);
        if (value.ptr)
            call->answer_headers[call->answer_header_count++] =
                (struct aigw_pair){ .name = gw_str(options->answer_headers[i]), .value = value };
    }
}

static void note_rates(const struct gw_attempt *attempt, const struct gw_transfer *transfer)
{
    const struct gw_instance *instance = attempt->target->provider;
    const struct gw_plugin *plugin = instance->plugin;

    if (attempt->target->is_adhoc) /* somebody's server, not this instance's */
        return;
    for (uint32_t i = 0; i < plugin->provider.rate_header_count; i++) {
        const struct aigw_rate_header *header = &plugin->rate_headers[i];
        aigw_str text = gw_str_trim(gw_transfer_header(transfer, header->name));
        char copy[32], *end;
        double value;

        if (text.len == 0 || text.len >= sizeof copy)
            continue;
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        if (strspn(copy, "0123456789.") == text.len && (value = strtod(copy, &end), *end == '\0'))
            gw_models_set_rate(instance->name, header->unit, header->what, value);
    }
}

void gw_attempt_keep_headers(struct gw_attempt *attempt)
{
    if (attempt->transfer)
        keep_wanted(attempt->call, attempt->transfer);
}

void gw_attempt_note_headers(struct gw_attempt *attempt, const struct gw_transfer *transfer)
{
    keep_wanted(attempt->call, transfer);
    note_rates(attempt, transfer);
}
