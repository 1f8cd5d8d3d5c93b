/* version.c - version constraints in the manner of Poetry over PEP 440-like versions.
 *
 * A constraint is alternatives (||) of conjunctions (comma or blank) of terms: 1.2.0  =1.2.0  ==1.2.*  ^1.2  ~1.2
 * ~=1.2  >=1  <2  !=1.3  1.x  *. Only a constraint that is one exact version may pick a pre-release. */
#include "prompt/prompt.h"

#include <string.h>

#define NUMBERS_MAX    4u
#define NUMBER_MAX     1000000000u
#define CONSTRAINT_MAX 256u

/* Order of tags: development, alpha, beta and candidate releases come before the release, post after it. */
#define STAGE_DEV     0
#define STAGE_ALPHA   1
#define STAGE_BETA    2
#define STAGE_RC      3
#define STAGE_RELEASE 4
#define STAGE_POST    5

struct version {
    uint32_t numbers[NUMBERS_MAX];
    uint32_t count; /* numbers given; the rest are zero */
    int stage;
    uint64_t stage_number;
    bool has_wildcard; /* 1.2.* or 1.x: count numbers are fixed */
};

struct range {
    struct version low, high; /* low <= v < high, as far as given */
    bool has_low, has_high, low_open, high_closed;
    bool is_exact, is_not; /* exact: == low; not: outside of the range */
};

static int compare(const struct version *a, const struct version *b)
{
    for (uint32_t i = 0; i < NUMBERS_MAX; i++)
        if (a->numbers[i] != b->numbers[i])
            return a->numbers[i] < b->numbers[i] ? -1 : 1;
    if (a->stage != b->stage)
        return a->stage < b->stage ? -1 : 1;
    return a->stage_number < b->stage_number ? -1 : a->stage_number > b->stage_number;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits(aigw_str s, size_t at, uint64_t *ret_number)
{
    size_t start = at;
    uint64_t number = 0;

    while (at < s.len && is_digit(s.ptr[at]) && at - start < 10)
        number = number * 10 + (uint64_t)(s.ptr[at++] - '0');
    *ret_number = number;
    return at - start;
}

/** Tag behind the numbers: -dev, .dev1, a1, -alpha.2, rc1, -post1; "+local" is ignored. */
static bool parse_stage(aigw_str s, struct version *v)
{
    static const struct {
        const char *word;
        int stage;
    } words[] = { { "dev", STAGE_DEV }, { "alpha", STAGE_ALPHA }, { "a", STAGE_ALPHA },  { "beta", STAGE_BETA },
                  { "b", STAGE_BETA },  { "rc", STAGE_RC },       { "pre", STAGE_RC },   { "preview", STAGE_RC },
                  { "c", STAGE_RC },    { "post", STAGE_POST },   { "rev", STAGE_POST }, { "r", STAGE_POST } };
    const char *plus = s.len ? memchr(s.ptr, '+', s.len) : NULL;
    size_t at = 0, word_len = 0, digit_count;

    v->stage = STAGE_RELEASE;
    if (plus)
        s.len = (size_t)(plus - s.ptr);
    if (!s.len)
        return true;
    if (s.ptr[0] == '-' || s.ptr[0] == '.' || s.ptr[0] == '_')
        at++;
    while (at + word_len < s.len && s.ptr[at + word_len] >= 'a' && s.ptr[at + word_len] <= 'z')
        word_len++;
    for (size_t i = 0; i < GW_ARRAY_LEN(words); i++)
        if (gw_str_is((aigw_str){ s.ptr + at, word_len }, words[i].word)) {
            v->stage = words[i].stage;
            at += word_len;
            if (at < s.len && (s.ptr[at] == '.' || s.ptr[at] == '-' || s.ptr[at] == '_'))
                at++;
            digit_count = digits(s, at, &v->stage_number);
            return at + digit_count == s.len && (digit_count || at == 0 || is_digit(s.ptr[at - 1]) ||
                                                 (s.ptr[at - 1] >= 'a' && s.ptr[at - 1] <= 'z'));
        }
    return false;
}

static bool parse_version(aigw_str s, bool allow_wildcard, struct version *ret_version)
{
    struct version v = { .stage = STAGE_RELEASE };
    size_t at = 0;

    if (s.len && (s.ptr[0] == 'v' || s.ptr[0] == 'V'))
        at++;
    if (!s.len || s.len > 64)
        return false;
    for (;;) {
        uint64_t number;
        size_t count;

        if (allow_wildcard && at < s.len && memchr("*xX", s.ptr[at], 3)) {
            v.has_wildcard = true;
            at++;
            while (at + 1 < s.len && s.ptr[at] == '.' && memchr("*xX", s.ptr[at + 1], 3))
                at += 2;
            if (at != s.len)
                return false;
            break;
        }
        count = digits(s, at, &number);
        if (!count || v.count == NUMBERS_MAX || number > NUMBER_MAX)
            return false;
        v.numbers[v.count++] = (uint32_t)number;
        at += count;
        if (at + 1 < s.len && s.ptr[at] == '.' &&
            (is_digit(s.ptr[at + 1]) || (allow_wildcard && memchr("*xX", s.ptr[at + 1], 3))))
            at++;
        else
            break;
    }
    if (!v.has_wildcard && !parse_stage((aigw_str){ s.ptr + at, s.len - at }, &v))
        return false;
    *ret_version = v;
    return true;
}

/** The first version beyond all that share the first `keep` numbers of v. */
static struct version bump(const struct version *v, uint32_t keep)
{
    struct version next = { .count = NUMBERS_MAX, .stage = STAGE_DEV };

    for (uint32_t i = 0; i < keep; i++)
        next.numbers[i] = v->numbers[i];
    next.numbers[keep - 1]++;
    return next;
}

static void set_span(struct range *range, const struct version *low, uint32_t keep)
{
    range->low = *low;
    range->has_low = true;
    if (keep) {
        range->high = bump(low, keep);
        range->has_high = true;
    }
}

/** Numbers that ^ keeps: up to and with the first that is not zero. */
static uint32_t caret_keep(const struct version *v)
{
    for (uint32_t i = 0; i < v->count; i++)
        if (v->numbers[i])
            return i + 1;
    return v->count;
}

/** One term without blanks. */
static bool parse_term(aigw_str s, struct range *ret_range)
{
    static const char *const operators[] = { "~=", "==", "!=", "<>", ">=", "<=", "^", "~", ">", "<", "=" };
    struct range range = { 0 };
    const char *op = "=";
    struct version v;

    for (size_t i = 0; i < GW_ARRAY_LEN(operators); i++)
        if (gw_str_has_prefix(s, gw_str(operators[i]))) {
            op = operators[i];
            s = gw_str_trim((aigw_str){ s.ptr + strlen(op), s.len - strlen(op) });
            break;
        }
    if (!parse_version(s, true, &v))
        return false;
    range.is_not = op[0] == '!' || (op[0] == '<' && op[1] == '>');
    if (op[0] == '=' || range.is_not) {
        if (v.has_wildcard)
            v.stage = STAGE_DEV, set_span(&range, &v, v.count);
        else
            range.low = v, range.is_exact = true;
    } else if (v.has_wildcard) {
        return false;
    } else if (op[0] == '^') {
        set_span(&range, &v, caret_keep(&v));
    } else if (op[0] == '~' && op[1] == '=') {
        if (v.count < 2)
            return false;
        set_span(&range, &v, v.count - 1);
    } else if (op[0] == '~') {
        set_span(&range, &v, v.count > 1 ? 2 : 1);
    } else if (op[0] == '>') {
        range.low = v, range.has_low = true, range.low_open = !op[1];
    } else {
        range.high = v, range.has_high = true, range.high_closed = op[1] == '=';
    }
    *ret_range = range;
    return true;
}

static bool in_range(const struct range *range, const struct version *v)
{
    bool inside = true;

    if (range->is_exact) {
        inside = compare(v, &range->low) == 0;
    } else {
        if (range->has_low) {
            int order = compare(v, &range->low);

            inside = range->low_open ? order > 0 : order >= 0;
        }
        if (inside && range->has_high) {
            int order = compare(v, &range->high);

            inside = range->high_closed ? order <= 0 : order < 0;
        }
    }
    return range->is_not ? !inside : inside;
}

/** Cut the next term off a conjunction: terms are separated by commas or blanks, an operator may stand apart. */
static aigw_str next_term(aigw_str *rest)
{
    size_t at = 0, start;

    while (at < rest->len && (rest->ptr[at] == ' ' || rest->ptr[at] == ','))
        at++;
    start = at;
    while (at < rest->len && memchr("^~=!<>", rest->ptr[at], 6))
        at++;
    while (at < rest->len && rest->ptr[at] == ' ')
        at++;
    while (at < rest->len && rest->ptr[at] != ' ' && rest->ptr[at] != ',')
        at++;
    {
        aigw_str term = { rest->ptr + start, at - start };

        *rest = (aigw_str){ rest->ptr + at, rest->len - at };
        return term;
    }
}

#define TERMS_MAX 16u

struct constraint {
    struct range terms[TERMS_MAX];
    bool starts_alternative[TERMS_MAX];
    uint32_t count;
    bool is_exact; /* one exact version: pre-releases may match */
};

static bool parse_constraint(aigw_str s, struct constraint *c)
{
    c->count = 0;
    for (;;) {
        const char *bar = s.len ? memchr(s.ptr, '|', s.len) : NULL;
        aigw_str part = bar ? (aigw_str){ s.ptr, (size_t)(bar - s.ptr) } : s;
        bool is_first = true;

        part = gw_str_trim(part);
        if (!part.len)
            return false;
        while (part.len) {
            aigw_str term = next_term(&part);

            if (!term.len)
                break;
            if (c->count == TERMS_MAX || !parse_term(term, &c->terms[c->count]))
                return false;
            c->starts_alternative[c->count++] = is_first;
            is_first = false;
        }
        if (is_first)
            return false;
        if (!bar)
            break;
        s = (aigw_str){ bar + 1, s.len - (size_t)(bar + 1 - s.ptr) };
        if (s.len && s.ptr[0] == '|')
            s = (aigw_str){ s.ptr + 1, s.len - 1 };
    }
    c->is_exact = c->count == 1 && c->terms[0].is_exact && !c->terms[0].is_not;
    return true;
}

static bool satisfies(const struct constraint *c, const struct version *v)
{
    bool all = false;

    for (uint32_t i = 0; i < c->count; i++) {
        if (c->starts_alternative[i]) {
            if (all)
                return true;
            all = true;
        }
        all = all && in_range(&c->terms[i], v);
    }
    return all;
}

aigw_status gw_version_pick(aigw_str constraint, const char *const *versions, size_t count, size_t *ret_index)
{
    struct constraint c;
    struct version best = { 0 };
    bool found = false;
    size_t best_index = 0;

    constraint = gw_str_trim(constraint);
    if (constraint.len > CONSTRAINT_MAX || !parse_constraint(constraint, &c)) {
        for (size_t i = 0; i < count; i++)
            if (gw_str_is(constraint, versions[i])) {
                *ret_index = i;
                return AIGW_OK;
            }
        return AIGW_E_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        struct version v;

        if (!parse_version(gw_str(versions[i]), false, &v) || (!c.is_exact && v.stage < STAGE_RELEASE) ||
            !satisfies(&c, &v) || (found && compare(&v, &best) <= 0))
            continue;
        found = true;
        best = v;
        best_index = i;
    }
    if (!found)
        return AIGW_E_NOT_FOUND;
    *ret_index = best_index;
    return AIGW_OK;
}
