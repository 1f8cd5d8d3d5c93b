/* prices.c - `prices` of conf.d: what a million tokens cost, by model. Amounts are whole numbers of 1e-9 of the
 * currency: sums of many small calls stay exact. */
#include <string.h>

#include "base/number.h"
#include "limits/internal.h"

#define MILLION    1000000
#define NANO       1e9
#define PRICE_MAX  1e9 /* of a million tokens, in units of any currency */
#define TOKENS_MAX (INT64_C(1) << 40)

__extension__ typedef __int128 wide; /* tokens times prices */

struct gw_price {
    const char *model, *provider;
    struct rates {
        double input, output, cached, cache_write, cache_write_1h, reasoning;
    } rates;
    /* the same, 1e-9 of the currency for a million tokens */
    int64_t input, output, cached, cache_write, cache_write_1h, reasoning;
};

struct gw_prices {
    const char *currency, *zone_name;
    const struct gw_zone *zone;
    struct gw_price *rows;
    size_t count;
};

#define AT(field) offsetof(struct gw_price, field)
static const struct aigw_setting row_table[] = {
    { "model", AIGW_SET_STRING, AIGW_SETF_REQUIRED, AT(model), NULL, 0, 0, NULL,
      "The model as its server calls it, * for any run." },
    { "provider", AIGW_SET_STRING, 0, AT(provider), NULL, 0, 0, NULL,
      "Only at this group of `providers`, * for any run. Not given: at any." },
    { "input", AIGW_SET_DOUBLE, AIGW_SETF_REQUIRED, AT(rates.input), NULL, 0, PRICE_MAX, NULL,
      "What a million tokens of requests cost." },
    { "output", AIGW_SET_DOUBLE, AIGW_SETF_REQUIRED, AT(rates.output), NULL, 0, PRICE_MAX, NULL,
      "What a million tokens of answers cost." },
    { "cached", AIGW_SET_DOUBLE, 0, AT(rates.cached), "0", 0, PRICE_MAX, NULL,
      "Of input, what came out of the server's cache. Not given: as input." },
    { "cache_write", AIGW_SET_DOUBLE, 0, AT(rates.cache_write), "0", 0, PRICE_MAX, NULL,
      "Of input, what went into the server's cache. Not given: as input." },
    { "cache_write_1h", AIGW_SET_DOUBLE, 0, AT(rates.cache_write_1h), "0", 0, PRICE_MAX, NULL,
      "Of that, what is kept for an hour. Not given: as cache_write." },
    { "reasoning", AIGW_SET_DOUBLE, 0, AT(rates.reasoning), "0", 0, PRICE_MAX, NULL,
      "Of output, what the model thought. Not given: as output." },
};
static const struct aigw_setting table[] = {
    { "currency", AIGW_SET_STRING, 0, offsetof(struct gw_prices, currency), "USD", 0, 0, NULL,
      "What amounts are in: a name for people, nothing is converted." },
    { "zone", AIGW_SET_STRING, 0, offsetof(struct gw_prices, zone_name), "UTC", 0, 0, NULL,
      "Time zone in which the days, weeks and months of quotas begin, such as Europe/Berlin." },
};

/* ---- reading ---- */

static int64_t nano_of(double units)
{
    return gw_round_i64(units * NANO);
}

static void finish_row(const struct gw_node *node, struct gw_price *row)
{
    const struct rates *r = &row->rates;

    row->input = nano_of(r->input);
    row->output = nano_of(r->output);
    row->cached = gw_node_get(node, "cached") ? nano_of(r->cached) : row->input;
    row->cache_write = gw_node_get(node, "cache_write") ? nano_of(r->cache_write) : row->input;
    row->cache_write_1h = gw_node_get(node, "cache_write_1h") ? nano_of(r->cache_write_1h) : row->cache_write;
    row->reasoning = gw_node_get(node, "reasoning") ? nano_of(r->reasoning) : row->output;
}

static void read_rows(struct gw_arena *arena, const struct gw_node *list, struct gw_prices *prices,
                      struct gw_problems *problems)
{
    size_t count = 0;

    if (list->type != GW_NODE_LIST) {
        gw_problem(problems, list, "prices.table",
                   "is not a list; write  table = ( { model = \"…\"; input = 0.9; output = 4.5; } );");
        return;
    }
    for (const struct gw_node *n = list->first; n; n = n->next)
        count++;
    prices->rows = gw_arena_calloc(arena, (count + 1) * sizeof *prices->rows);
    if (!prices->rows) {
        gw_problem(problems, list, "prices.table", "out of memory");
        return;
    }
    for (const struct gw_node *n = list->first; n; n = n->next) {
        struct gw_price *row = &prices->rows[prices->count++];

        gw_settings_fill(arena, n, "prices.table", row_table, GW_ARRAY_LEN(row_table), sizeof *row_table, NULL, row,
                         problems);
        finish_row(n, row);
    }
}

struct gw_prices *gw_prices_build(struct gw_arena *arena, const struct gw_node *conf, struct gw_problems *problems)
{
    static const char *const reserved[] = { "table", NULL };
    const struct gw_node *section = gw_node_get(conf, "prices"), *list = gw_node_get(conf, "prices.table");
    struct gw_prices *prices = gw_arena_calloc(arena, sizeof *prices);
    const char *reason = NULL;

    if (!prices) {
        gw_problem(problems, section, "prices", "out of memory");
        return NULL;
    }
    gw_settings_fill(arena, section, "prices", table, GW_ARRAY_LEN(table), sizeof *table, reserved, prices, problems);
    if (prices->currency && (!*prices->currency || strlen(prices->currency) > 16))
        gw_problem(problems, gw_node_get(section, "currency"), "prices.currency",
                   "is \"%s\", expected a short name such as \"EUR\"", prices->currency);
    if (prices->zone_name)
        prices->zone = gw_zone_load(arena, prices->zone_name, &reason);
    if (reason)
        gw_problem(problems, gw_node_get(section, "zone"), "prices.zone", "is \"%s\": %s", prices->zone_name, reason);
    if (list)
        read_rows(arena, list, prices, problems);
    return prices;
}

/* ---- asking ---- */

bool gw_prices_has_any(const struct gw_prices *prices)
{
    return prices && prices->count > 0;
}

const char *gw_prices_currency(const struct gw_prices *prices)
{
    return prices && prices->currency ? prices->currency : "";
}

const struct gw_zone *gw_prices_zone(const struct gw_prices *prices, const char **ret_name)
{
    *ret_name = prices && prices->zone ? prices->zone_name : "UTC";
    return prices ? prices->zone : NULL;
}

const struct gw_price *gw_prices_find(const struct gw_prices *prices, const char *provider, aigw_str model)
{
    for (size_t i = 0; prices && i < prices->count; i++) {
        const struct gw_price *row = &prices->rows[i];

        if (row->model && gw_match(row->model, model) && (!row->provider || gw_match(row->provider, gw_str(provider))))
            return row;
    }
    return NULL;
}

bool gw_price_is_free(const struct gw_price *price)
{
    return !(price->input || price->output || price->cached || price->cache_write || price->cache_write_1h ||
             price->reasoning);
}

static wide part(int64_t tokens, int64_t most, int64_t price, int64_t *ret_rest)
{
    int64_t counted = tokens < 0 ? 0 : tokens < most ? tokens : most;

    *ret_rest = most - counted;
    return (wide)counted * price;
}

int64_t gw_price_of(const struct gw_price *price, const struct gw_tokens *tokens)
{
    int64_t input = tokens->input < TOKENS_MAX ? tokens->input : TOKENS_MAX;
    int64_t output = tokens->output < TOKENS_MAX ? tokens->output : TOKENS_MAX;
    int64_t short_write = tokens->cache_write > 0 && tokens->cache_write_1h > 0
                              ? tokens->cache_write - tokens->cache_write_1h
                              : tokens->cache_write;
    wide sum = 0;

    if (input > 0) {
        sum += part(tokens->cached, input, price->cached, &input);
        sum += part(tokens->cache_write_1h, input, price->cache_write_1h, &input);
        sum += part(short_write, input, price->cache_write, &input);
        sum += (wide)input * price->input;
    }
    if (output > 0) {
        sum += part(tokens->reasoning, output, price->reasoning, &output);
        sum += (wide)output * price->output;
    }
    sum = (sum + MILLION - 1) / MILLION;
    return sum < INT64_MAX / 4 ? (int64_t)sum : INT64_MAX / 4;
}
