/* stream.c - `--stream`: do pieces arrive when they are sent, and does silence survive? The gateway sends pieces 100 ms
 * apart at /monitoring/stream; asked through the address that clients use, what a proxy does to them shows. */
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"
#include "cli/probe.h"

#define STREAM_PATH    "/monitoring/stream"
#define STREAM_MS      30000
#define ROUND_MS       5000
#define ROUND_EARLY_MS 100
#define ROUND_LATE_MS  800
#define SPREAD_MIN     400 /* ms that ten pieces take at least when nobody holds them back */

static void ask(struct doctor *d, const char *query, int64_t timeout_ms, struct cli_answer *ret_answer)
{
    const char *base = d->options->url ? d->options->url : d->api_url;
    size_t len = strlen(base);
    struct cli_probe probe = { .timeout_ms = timeout_ms,
                               .ca_file = d->settings.upstream.ca_file,
                               .extra_ca_file = d->settings.upstream.extra_ca_file,
                               .is_local = !d->options->url };

    while (len > 0 && base[len - 1] == '/')
        len--;
    probe.url = gw_arena_printf(d->arena, "%.*s" STREAM_PATH "%s", (int)len, base, query);
    cli_probe(&probe, ret_answer);
}

/** Status 200 and all pieces. */
static bool is_whole(const struct cli_answer *answer)
{
    return answer->status == 200 && !answer->error.text[0] && answer->body.len > 0 &&
           memmem(answer->body.data, answer->body.len, "[DONE]", 6);
}

static void check_pieces(struct doctor *d)
{
    struct cli_answer answer;
    int64_t spread_ms;

    ask(d, "", STREAM_MS, &answer);
    spread_ms = answer.piece_count ? answer.pieces_ms[answer.piece_count - 1] - answer.pieces_ms[0] : 0;
    if (answer.status != 200)
        doctor_fail(d, "stream", cli_answer_is_html(&answer) && answer.status < 400 ? FAULT_CAPTIVE : FAULT_STREAM,
                    "status %ld %s", answer.status, answer.error.text);
    else if (!is_whole(&answer))
        doctor_fail(d, "stream", FAULT_CUT, "it was cut after %lld ms: %s", (long long)answer.total_ms,
                    answer.error.text);
    else if (spread_ms < SPREAD_MIN)
        doctor_fail(d, "stream", FAULT_BUFFERED,
                    "ten pieces sent within 900 ms arrived within %lld ms, the first after "
                    "%lld ms: buffering",
                    (long long)spread_ms, (long long)answer.pieces_ms[0]);
    else
        doctor_ok(d, "stream", "pieces arrive as they are sent, over %lld ms", (long long)spread_ms);
    cli_answer_done(&answer);
}

/** Limits are round numbers, and whoever has one cuts a little later than that. */
static bool is_round(int64_t ms)
{
    return ms > ROUND_MS - ROUND_EARLY_MS && (ms + ROUND_EARLY_MS) % ROUND_MS < ROUND_EARLY_MS + ROUND_LATE_MS;
}

static void check_silence(struct doctor *d)
{
    long quiet_s = strtol(d->options->quiet, NULL, 10);
    struct cli_answer answer;
    int64_t silent_ms;
    char query[64];

    snprintf(query, sizeof query, "?quiet_s=%ld", quiet_s);
    ask(d, query, quiet_s * 1000 + STREAM_MS, &answer);
    silent_ms = answer.total_ms - (answer.piece_count ? answer.pieces_ms[answer.piece_count - 1] : 0);
    if (is_whole(&answer))
        doctor_ok(d, "silence", "a stream survives %ld s of silence", quiet_s);
    else
        doctor_fail(d, "silence", is_round(silent_ms) ? FAULT_CUT_ROUND : FAULT_CUT,
                    "a silent stream was cut after %.1f s, expected to survive %ld s: status %ld %s",
                    (double)silent_ms / 1000.0, quiet_s, answer.status, answer.error.text);
    cli_answer_done(&answer);
}

void doctor_check_stream(struct doctor *d)
{
    if (!d->options->stream)
        return;
    if (!d->is_running && !d->options->url)
        return; /* it was said that none answers */
    check_pieces(d);
    if (d->options->quiet)
        check_silence(d);
}
