/* Bodies by a table with a row of every kind: what is filled in, what is said of the rest, and the schema. */
#include <aigw/body.h>

#include <check.h>
#include <json-c/json.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "shape.h"
#include "tests.h"

/* ---- what was filled in, as text ---- */

static char dump[4096];

static void say(const char *fmt, ...) AIGW_PRINTF(1, 2);
static void say(const char *fmt, ...)
{
    size_t len = strlen(dump);
    va_list args;

    va_start(args, fmt);
    ck_assert_int_lt(vsnprintf(dump + len, sizeof dump - len, fmt, args), (int)(sizeof dump - len));
    va_end(args);
}

static void say_text(const char *name, aigw_str text)
{
    if (text.ptr)
        say("%s=%.*s ", name, AIGW_STR_ARG(text));
}

static void say_parts(struct aigw_body_list list)
{
    const struct part *parts = list.items;

    for (size_t i = 0; i < list.count; i++) {
        say("(%u", parts[i].kind);
        say_text(" text", parts[i].text);
        say_text(" url", parts[i].url);
        say_parts(parts[i].parts);
        say(")");
    }
}

static void say_pairs(const char *name, struct aigw_body_list list)
{
    const struct aigw_body_pair *pairs = list.items;

    for (size_t i = 0; i < list.count; i++)
        say("%s.%.*s=%.*s ", name, AIGW_STR_ARG(pairs[i].name), AIGW_STR_ARG(pairs[i].value));
}

static void say_shape(const struct shape *s)
{
    dump[0] = '\0';
    say("v%u g%u ", s->version, s->given);
    say_text("name", s->name);
    say_text("word", s->word);
    say_text("url", s->url);
    say_text("secret", s->secret);
    say_text("any", s->any);
    say_text("either", s->either);
    say("%lld %lld %d %g (%lld,%lld) ", (long long)s->count, (long long)s->many, s->flag, s->ratio,
        (long long)s->place.x, (long long)s->place.y);
    say_text("a", s->flat_a);
    for (size_t i = 0; i < s->words.count; i++)
        say_text("w", ((const aigw_str *)s->words.items)[i]);
    for (size_t i = 0; i < s->choices.count; i++)
        say_text("c", ((const aigw_str *)s->choices.items)[i]);
    for (size_t i = 0; i < s->numbers.count; i++)
        say("n=%lld ", (long long)((const int64_t *)s->numbers.items)[i]);
    for (size_t i = 0; i < s->reals.count; i++)
        say("r=%g ", ((const double *)s->reals.items)[i]);
    for (size_t i = 0; i < s->flags.count; i++)
        say("f=%d ", ((const bool *)s->flags.items)[i]);
    for (size_t i = 0; i < s->matrix.count; i++) {
        const struct aigw_body_list *row = &((const struct aigw_body_list *)s->matrix.items)[i];

        for (size_t k = 0; k < row->count; k++)
            say("m%zu=%lld ", i, (long long)((const int64_t *)row->items)[k]);
    }
    say_parts(s->parts);
    say_pairs("map", s->map);
    say_pairs("texts", s->texts);
    dump[strlen(dump) - 1] = '\0';
}

/* ---- bodies ---- */

#define V                     SHAPE_V
#define BASE                  "v0 g0 name=box word=red 3 0 1 0.5 (0,10) a=none"
#define FAULT(type, loc, msg) "{\"type\":\"" type "\",\"loc\":[\"body\"" loc "],\"msg\":\"" msg "\"}"
#define AT_V1(name)           ",1,\"" name "\""

static const struct {
    const char *body;
    const char *filled; /* NULL: refused */
    const char *faults; /* without the brackets */
} bodies[] = {
    { "{" V "}", BASE, NULL },
    { "{\"unknown\":[{\"version\":7}]," V ",\"more\":{\"name\":1}}", BASE, NULL },
    { "{\"name\":\"box\",\"version\":2}", "v1 g0 name=box word=red 3 0 1 0.5 (0,10) a=none", NULL },
    { "{\"name\":1,\"version\":3,\"name\":\"box\",\"version\":1}", BASE, NULL },
    { "{\"n\\u0061me\":\"box\",\"version\":1.0}", BASE, NULL },
    { "{\"name\":\" b\\u006fx\\t\",\"version\":true}", BASE, NULL },
    { "{\"name\":\"\\ud83dx\",\"version\":1}", "v0 g0 name=\xEF\xBF\xBDx word=red 3 0 1 0.5 (0,10) a=none", NULL },

    /* the tag, and what is read before it */
    { "{\"name\":\"x\"}", NULL,
      FAULT("string_too_short", ",\"name\"", "String should have at least 2 characters") "," FAULT(
          "union_tag_not_found", "", "Unable to extract tag using discriminator 'version'") },
    { "{\"version\":\"1\"}", NULL,
      FAULT("missing", ",\"name\"", "Field required") "," FAULT(
          "union_tag_invalid", "",
          "Input tag '1' found using 'version' does not match any of the expected tags: 1, 2") },
    { "{\"name\":\"box\",\"version\":1.5,\"count\":\"x\"}", NULL,
      FAULT("union_tag_invalid", "",
            "Input tag '1.5' found using 'version' does not match any of the expected tags: 1, 2") },

    /* strings */
    { "{\"version\":1,\"name\":\"longer\"}", NULL,
      FAULT("string_too_long", ",\"name\"", "String should have at most 5 characters") },
    { "{\"version\":1,\"name\":\"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\"}",
      "v0 g0 name=\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9 word=red 3 0 1 0.5 (0,10) a=none", NULL },
    { "{\"version\":1,\"name\":null}", NULL, FAULT("string_type", ",\"name\"", "Input should be a valid string") },
    { "{\"version\":1,\"name\":\"ox\"}", NULL, FAULT("value_error", ",\"name\"", "Value error, begins with a vowel") },
    { "{" V ",\"word\":\"blue\"}", "v0 g0 name=box word=blue 3 0 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"word\":\"Blue\"}", NULL, FAULT("enum", AT_V1("word"), "Input should be 'red', 'green' or 'blue'") },
    { "{" V ",\"word\":\"\"}", NULL, FAULT("enum", AT_V1("word"), "Input should be 'red', 'green' or 'blue'") },
    { "{" V ",\"literal\":\"two\"}", NULL, FAULT("literal_error", AT_V1("literal"), "Input should be 'one'") },
    { "{" V ",\"literal\":null}", BASE, NULL },
    { "{" V ",\"url\":\"s3cret:8000\"}", NULL,
      FAULT("url_parsing", AT_V1("url"), "Input should be a valid URL that begins with http:// or https://") },
    { "{" V ",\"url\":\"\"}", "v0 g0 name=box word=red url= 3 0 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"secret\":\"s3cret-and-more\"}", NULL,
      FAULT("string_too_long", AT_V1("secret"), "String should have at most 8 characters") },
    { "{" V ",\"secret\":{\"s3cret\":1}}", NULL,
      FAULT("string_type", AT_V1("secret"), "Input should be a valid string") },

    { "{" V ",\"note\":\"\\n\\u00e9\xC3\xA9\"}", BASE, NULL },
    { "{" V ",\"note\":\"\\n\"}", NULL,
      FAULT("string_too_short", AT_V1("note"), "String should have at least 2 characters") },
    { "{" V ",\"note\":\"\\n\\n\\n\\n\\n\"}", NULL,
      FAULT("string_too_long", AT_V1("note"), "String should have at most 4 characters") },
    { "{\"version\":1,\"name\":\"\\nb\\u006f\xC3\xA9\xF0\x9F\x98\x80 \"}",
      "v0 g0 name=bo\xC3\xA9\xF0\x9F\x98\x80 word=red 3 0 1 0.5 (0,10) a=none", NULL },
    { "{\"version\":1,\"name\":\"\\n\x01\"}", NULL, FAULT("json_invalid", ",23", "JSON decode error") },
    { "{\"version\":1,\"name\":\"\\n\xFF\"}", NULL,
      FAULT("json_invalid", "", "JSON decode error: the body is not valid UTF-8 text") },
    { "{\"version\":1,\"name\":\"\\n", NULL, FAULT("json_invalid", ",20", "JSON decode error") },
    { "{" V ",\"flag\":\"\\n0123456789012345678901234567890123456789012345678901234567890123456789\"}", NULL,
      FAULT("bool_parsing", AT_V1("flag"), "Input should be a valid boolean, unable to interpret input") },

    /* numbers */
    { "{" V ",\"count\":7}", "v0 g1 name=box word=red 7 0 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"count\":null}", BASE, NULL },
    { "{" V ",\"count\":\" +7.0 \"}", "v0 g1 name=box word=red 7 0 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"count\":true}", "v0 g1 name=box word=red 1 0 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"count\":2e1}", "v0 g1 name=box word=red 20 0 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"count\":21}", NULL,
      FAULT("less_than_equal", AT_V1("count"), "Input should be less than or equal to 20") },
    { "{" V ",\"count\":0}", NULL,
      FAULT("greater_than_equal", AT_V1("count"), "Input should be greater than or equal to 1") },
    { "{" V ",\"count\":999999999999999999999999}", NULL,
      FAULT("less_than_equal", AT_V1("count"), "Input should be less than or equal to 20") },
    { "{" V ",\"many\":999999999999999999999999}", "v0 g0 name=box word=red 3 9223372036854775807 1 0.5 (0,10) a=none",
      NULL },
    { "{" V ",\"many\":-1e300}", "v0 g0 name=box word=red 3 -9223372036854775808 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"many\":\"-99999999999999999999\"}",
      "v0 g0 name=box word=red 3 -9223372036854775808 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"many\":1e400}", NULL, FAULT("finite_number", AT_V1("many"), "Input should be a finite number") },
    { "{" V ",\"many\":NaN}", NULL, FAULT("finite_number", AT_V1("many"), "Input should be a finite number") },
    { "{" V ",\"many\":1.5}", NULL,
      FAULT("int_from_float", AT_V1("many"), "Input should be a valid integer, got a number with a fractional part") },
    { "{" V ",\"many\":\"s3cret\"}", NULL,
      FAULT("int_parsing", AT_V1("many"), "Input should be a valid integer, unable to parse string as an integer") },
    { "{" V ",\"many\":[]}", NULL, FAULT("int_type", AT_V1("many"), "Input should be a valid integer") },
    { "{" V ",\"ratio\":\"1.25\"}", "v0 g4 name=box word=red 3 0 1 1.25 (0,10) a=none", NULL },
    { "{" V ",\"ratio\":2}", "v0 g4 name=box word=red 3 0 1 2 (0,10) a=none", NULL },
    { "{" V ",\"ratio\":true}", "v0 g4 name=box word=red 3 0 1 1 (0,10) a=none", NULL },
    { "{" V ",\"ratio\":2.5}", NULL,
      FAULT("less_than_equal", AT_V1("ratio"), "Input should be less than or equal to 2") },
    { "{" V ",\"ratio\":\"s3cret\"}", NULL,
      FAULT("float_parsing", AT_V1("ratio"), "Input should be a valid number, unable to parse string as a number") },
    { "{" V ",\"ratio\":\"true\"}", NULL,
      FAULT("float_parsing", AT_V1("ratio"), "Input should be a valid number, unable to parse string as a number") },
    { "{" V ",\"ratio\":{}}", NULL, FAULT("float_type", AT_V1("ratio"), "Input should be a valid number") },
    { "{" V ",\"free\":Infinity}", NULL, FAULT("finite_number", AT_V1("free"), "Input should be a finite number") },
    { "{" V ",\"flag\":\"OFF\"}", "v0 g0 name=box word=red 3 0 0 0.5 (0,10) a=none", NULL },
    { "{" V ",\"flag\":0.0}", "v0 g0 name=box word=red 3 0 0 0.5 (0,10) a=none", NULL },
    { "{" V ",\"flag\":\"s3cret\"}", NULL,
      FAULT("bool_parsing", AT_V1("flag"), "Input should be a valid boolean, unable to interpret input") },
    { "{" V ",\"flag\":null}", NULL, FAULT("bool_type", AT_V1("flag"), "Input should be a valid boolean") },

    { "{" V ",\"howMany\":4}", "v0 g0 name=box word=red 3 4 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"howMany\":\"x\",\"many\":5}", "v0 g0 name=box word=red 3 5 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"howMany\":\"x\"}", NULL,
      FAULT("int_parsing", AT_V1("many"), "Input should be a valid integer, unable to parse string as an integer") },

    /* objects */
    { "{" V ",\"place\":{\"x\":1}}", "v0 g0 name=box word=red 3 0 1 0.5 (1,10) a=none", NULL },
    { "{" V ",\"place\":{\"y\":2,\"x\":1,\"z\":3}}", "v0 g0 name=box word=red 3 0 1 0.5 (1,2) a=none", NULL },
    { "{" V ",\"place\":{\"x\":7,\"y\":8},\"place\":{\"x\":1}}", "v0 g0 name=box word=red 3 0 1 0.5 (1,10) a=none",
      NULL },
    { "{" V ",\"place\":{\"x\":7},\"place\":null}", BASE, NULL },
    { "{" V ",\"place\":{\"y\":\"s3cret\"}}", NULL,
      FAULT("missing", AT_V1("place") ",\"x\"",
            "Field required") "," FAULT("int_parsing", AT_V1("place") ",\"y\"",
                                        "Input should be a valid integer, unable to parse string as an integer") },
    { "{" V ",\"place\":{\"x\":11}}", NULL,
      FAULT("value_error", AT_V1("place") ",\"x\"", "Value error, x is behind y") },
    { "{" V ",\"place\":[1]}", NULL,
      FAULT("model_attributes_type", AT_V1("place"),
            "Input should be a valid dictionary or object to extract fields from") },
    { "{" V ",\"flat\":{\"a\":\"x\"}}", "v0 g0 name=box word=red 3 0 1 0.5 (0,10) a=x", NULL },

    /* lists */
    { "{" V ",\"words\":[\"a\",\"\\n\"]}", BASE " w=a w=\n", NULL },
    { "{" V ",\"words\":[]}", NULL,
      FAULT("too_short", AT_V1("words"), "List should have at least 1 item after validation, not 0") },
    { "{" V ",\"words\":[1,2,3,4]}", NULL,
      FAULT("too_long", AT_V1("words"), "List should have at most 3 items after validation, not 4") },
    { "{" V ",\"words\":[\"a\",5,\"long\"]}", NULL,
      FAULT("string_type", AT_V1("words") ",1", "Input should be a valid string") "," FAULT(
          "string_too_long", AT_V1("words") ",2", "String should have at most 3 characters") },
    { "{" V ",\"words\":\"a\"}", NULL, FAULT("list_type", AT_V1("words"), "Input should be a valid list") },
    { "{" V ",\"numbers\":[1,\"2\",3.0],\"reals\":[1.5,2],\"flags\":[true,0]}", BASE " n=1 n=2 n=3 r=1.5 r=2 f=1 f=0",
      NULL },
    { "{" V ",\"matrix\":[[1,2],[],[3]]}", BASE " m0=1 m0=2 m2=3", NULL },
    { "{" V ",\"matrix\":[[1],[1,6],[1,2,3]]}", NULL,
      FAULT("less_than_equal", AT_V1("matrix") ",1,1", "Input should be less than or equal to 5") "," FAULT(
          "too_long", AT_V1("matrix") ",2", "List should have at most 2 items after validation, not 3") },

    /* unions in lists, tables that hold themselves */
    { "{" V ",\"parts\":[{\"text\":\"a\"},{\"url\":\"http://h\",\"type\":\"image\",\"text\":1},"
      "{\"type\":\"group\",\"parts\":[{\"text\":\"b\"},{\"type\":\"group\",\"parts\":[]}]}]} ",
      BASE " (0 text=a )(1 url=http://h )(2(0 text=b )(2)", NULL },
    { "{" V ",\"parts\":[{\"type\":\"image\"},7,{\"type\":\"video\"},{\"type\":null}]}", NULL,
      FAULT("missing", AT_V1("parts") ",0,\"image\",\"url\"", "Field required") "," FAULT(
          "model_attributes_type", AT_V1("parts") ",1",
          "Input should be a valid dictionary or object to extract fields from") "," FAULT("union_tag_invalid",
                                                                                           AT_V1("parts") ",2",
                                                                                           "Input tag 'video' found "
                                                                                           "using 'type' does not "
                                                                                           "match any of the expected "
                                                                                           "tags: 'text', 'image', "
                                                                                           "'group'") "," FAULT("union_"
                                                                                                                "tag_"
                                                                                                                "invali"
                                                                                                                "d",
                                                                                                                AT_V1(
                                                                                                                    "pa"
                                                                                                                    "rt"
                                                                                                                    "s") ",3",
                                                                                                                "Input "
                                                                                                                "tag "
                                                                                                                "'None'"
                                                                                                                " found"
                                                                                                                " using"
                                                                                                                " '"
                                                                                                                "type' "
                                                                                                                "does "
                                                                                                                "not "
                                                                                                                "match "
                                                                                                                "any "
                                                                                                                "of "
                                                                                                                "the "
                                                                                                                "expect"
                                                                                                                "ed "
                                                                                                                "tags: "
                                                                                                                "'text'"
                                                                                                                ", "
                                                                                                                "'image"
                                                                                                                "', "
                                                                                                                "'group"
                                                                                                                "'") },

    { "{" V ",\"parts\":[{\"type\":[1]},{\"type\":\"0123456789012345678901234567890\xC3\xA9\"}]}", NULL,
      FAULT("union_tag_invalid", AT_V1("parts") ",0",
            "Input tag '\xE2\x80\xA6' found using 'type' does not match any of the expected tags: 'text', 'image', "
            "'group'") "," FAULT("union_tag_invalid", AT_V1("parts") ",1",
                                 "Input tag '0123456789012345678901234567890' found using 'type' does not match any of "
                                 "the expected tags: 'text', 'image', 'group'") },

    /* maps and values of any type */
    { "{" V ",\"map\":{\"\\u0061\":[1, 2],\"b\":\"x\\ny\"}}", BASE " map.a=[1, 2] map.b=\"x\\ny\"", NULL },
    { "{" V ",\"map\":{\"a\":\"\\ud83d\",\"b\":NaN}}", BASE " map.a=\"\\ufffd\" map.b=null", NULL },
    { "{" V ",\"map\":{\"a\":1,\"b\":2,\"c\":3}}", NULL,
      FAULT("too_long", AT_V1("map"), "Dictionary should have at most 2 items after validation, not 3") },
    { "{" V ",\"map\":[]}", NULL, FAULT("dict_type", AT_V1("map"), "Input should be a valid dictionary") },
    { "{" V ",\"texts\":{\"a\":\"x\\ny\"}}", BASE " texts.a=x\ny", NULL },
    { "{" V ",\"texts\":{\"a \\\"quoted\\\" name\":\"s3cret\"}}", NULL,
      FAULT("string_too_long", AT_V1("texts") ",\"a \\\"quoted\\\" name\"",
            "String should have at most 3 characters") },
    { "{" V ",\"any\":{\"a\": [1 ,{}]}}", "v0 g0 name=box word=red any={\"a\": [1 ,{}]} 3 0 1 0.5 (0,10) a=none",
      NULL },
    { "{" V ",\"any\":null}", "v0 g0 name=box word=red any=null 3 0 1 0.5 (0,10) a=none", NULL },

    /* one name, several rows */
    { "{" V ",\"either\":\"x\"}", "v0 g0 name=box word=red either=x 3 0 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"either\":[\"x\",\"y\"]}", BASE " c=x c=y", NULL },
    { "{" V ",\"either\":null}", BASE, NULL },
    { "{" V ",\"either\":\"longer\"}", NULL,
      FAULT("string_too_long", AT_V1("either"), "String should have at most 4 characters") },
    { "{" V ",\"either\":7}", NULL, FAULT("list_type", AT_V1("either"), "Input should be a valid list") },
    { "{" V ",\"either\":[\"x\"],\"either\":\"y\"}", "v0 g0 name=box word=red either=y 3 0 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"mixed\":false}", "v0 g0 name=box word=red 3 0 0 0.5 (0,10) a=none", NULL },
    { "{" V ",\"mixed\":7}", "v0 g0 name=box word=red 3 7 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"mixed\":{\"a\":1}}", BASE " map.a=1", NULL },
    { "{" V ",\"mixed\":[1,2]}", BASE " n=1 n=2", NULL },
    { "{" V ",\"mixed\":\"7\"}", "v0 g0 name=box word=red any=\"7\" 3 0 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"by_version\":\"x\"}", "v0 g0 name=box word=red either=x 3 0 1 0.5 (0,10) a=none", NULL },
    { "{" V ",\"by_version\":{\"x\":1}}", NULL,
      FAULT("string_type", AT_V1("by_version"), "Input should be a valid string") },
    { "{\"name\":\"box\",\"by_version\":{\"x\":1,\"y\":2},\"version\":2}",
      "v1 g0 name=box word=red 3 0 1 0.5 (1,2) a=none", NULL },
    { "{\"name\":\"box\",\"by_version\":{\"x\":3,\"y\":2},\"version\":2}", NULL,
      FAULT("value_error", ",2,\"by_version\",\"x\"", "Value error, x is behind y") },

    /* no body at all */
    { "", NULL, FAULT("missing", "", "Field required") },
    { " ", NULL, FAULT("missing", "", "Field required") },
    { "null", NULL, FAULT("missing", "", "Field required") },
    { "[1]", NULL,
      FAULT("model_attributes_type", "", "Input should be a valid dictionary or object to extract fields from") },
    { "{\"\xC3\xA9\":1,x}", NULL, FAULT("json_invalid", ",7", "JSON decode error") },
    { "{" V ",\"place\":{\"x\":1,\"y\":}}", NULL, FAULT("json_invalid", ",45", "JSON decode error") },
    { "\xEF\xBB\xBF{x", NULL, FAULT("json_invalid", ",1", "JSON decode error") },
    { "[1", NULL, FAULT("json_invalid", ",2", "JSON decode error") },
    { "{\"name\":\"\xFF\"}", NULL, FAULT("json_invalid", "", "JSON decode error: the body is not valid UTF-8 text") },
    { "{x \xFF", NULL, FAULT("json_invalid", "", "JSON decode error: the body is not valid UTF-8 text") },
};

START_TEST(bodies_are_judged)
{
    aigw_str text = exact_copy(str(bodies[_i].body)), faults;
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, (size_t)1 << 20);
    struct aigw_body body = { .memory = &memory, .options = AIGW_JSON_NAN };
    struct shape shape;
    aigw_status status = aigw_body_read(&body, &shape_table, text, &shape);
    char expected[2048];

    ck_assert_int_eq(aigw_body_list_faults(&body, &faults), AIGW_OK);
    if (bodies[_i].filled) {
        ck_assert_msg(status == AIGW_OK, "%s: %.*s", bodies[_i].body, AIGW_STR_ARG(faults));
        say_shape(&shape);
        ck_assert_msg(strcmp(dump, bodies[_i].filled) == 0, "%s:\n%s\n%s", bodies[_i].body, dump, bodies[_i].filled);
        ck_assert_int_eq(shape.checks, 1);
        ck_assert(same_str(faults, str("[]")));
    } else {
        ck_assert_msg(status == AIGW_E_INVALID, "%s: taken", bodies[_i].body);
        snprintf(expected, sizeof expected, "[%s]", bodies[_i].faults);
        ck_assert_msg(same_str(faults, str(expected)), "%s:\n%.*s\n%s", bodies[_i].body, AIGW_STR_ARG(faults),
                      expected);
        ck_assert_ptr_null(strstr(faults.ptr, "s3cret"));
    }
    aigw_pool_free(&pool);
    free_copy(text);
}
END_TEST

START_TEST(long_words_of_the_sender_are_cut_between_characters)
{
    char text[1400] = "{" V ",\"texts\":{\"";
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, (size_t)1 << 20);
    struct aigw_body body = { .memory = &memory };
    struct shape shape;
    char *accents = text + strlen(text);

    for (int i = 0; i < 300; i++)
        strcat(text, "\xC3\xA9");
    aigw_body_report(&body, NULL, "value_error", "x%s", accents);
    strcat(text, "\":7}}");
    ck_assert_int_eq(aigw_body_read(&body, &shape_table, str(text), &shape), AIGW_E_INVALID);
    ck_assert_uint_eq(body.faults->msg.len, 511);
    ck_assert(aigw_utf8_is_valid(body.faults->msg));
    ck_assert_uint_eq(body.faults->next->path.len, strlen("texts.") + 64);
    ck_assert(aigw_utf8_is_valid(body.faults->next->loc));
    aigw_pool_free(&pool);
}
END_TEST

START_TEST(faults_say_where_in_plain_words_too)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, (size_t)1 << 20);
    struct aigw_body body = { .memory = &memory };
    struct shape shape;

    aigw_body_read(&body, &shape_table, AIGW_STR("{" V ",\"parts\":[{\"type\":\"image\",\"url\":7}],\"word\":1}"),
                   &shape);
    ck_assert_uint_eq(body.fault_count, 2);
    ck_assert(same_str(body.faults->path, str("word")));
    ck_assert_ptr_eq(body.faults->field, &shape_table.fields[1]);
    ck_assert(same_str(body.faults->next->path, str("parts.0.url")));
    ck_assert_ptr_eq(body.faults->next->field, &part_table.fields[1]);
    ck_assert_ptr_null(body.faults->next->next);
    aigw_pool_free(&pool);
}
END_TEST

/* Items whose tag chooses the row of an object: each is read, whatever the one before was. */
struct step {
    uint32_t kind;
    struct place place;
};

static const struct aigw_body_field step_fields[] = {
    { .name = "at", .type = AIGW_BODY_INT, .offset = offsetof(struct step, place.x), .variants = 0x1 },
    { .name = "at",
      .type = AIGW_BODY_OBJECT,
      .flags = AIGW_BODYF_REQUIRED,
      .offset = offsetof(struct step, place),
      .table = &place_table,
      .variants = 0x2 },
};

static const struct aigw_body_table step_table = { AIGW_BODY_FIELDS(step_fields), .size = sizeof(struct step),
                                                   .tag = "kind", .tags = "number|place",
                                                   .variant_offset = offsetof(struct step, kind) };

static const struct aigw_body_field walk_fields[] = {
    { .name = "steps", .type = AIGW_BODY_LIST, .offset = 0, .table = &step_table },
};

static const struct aigw_body_table walk_table = { AIGW_BODY_FIELDS(walk_fields),
                                                   .size = sizeof(struct aigw_body_list) };

START_TEST(objects_whose_row_the_tag_chooses_are_each_read)
{
    static const char text[] = "{\"steps\":[{\"kind\":\"place\",\"at\":{\"x\":1,\"y\":2}},"
                               "{\"kind\":\"place\",\"at\":{\"x\":3}},{\"kind\":\"number\",\"at\":4},"
                               "{\"kind\":\"place\",\"at\":{\"y\":6,\"x\":5}}]}";
    static const int64_t wanted[][2] = { { 1, 2 }, { 3, 10 }, { 4, 0 }, { 5, 6 } };
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, (size_t)1 << 20);
    struct aigw_body body = { .memory = &memory }, second = { .memory = &memory };
    struct aigw_body_list steps;
    const struct step *items;

    ck_assert_int_eq(aigw_body_read(&body, &walk_table, str(text), &steps), AIGW_OK);
    ck_assert_uint_eq(steps.count, COUNT(wanted));
    items = steps.items;
    for (size_t i = 0; i < COUNT(wanted); i++) {
        ck_assert_int_eq(items[i].place.x, wanted[i][0]);
        if (items[i].kind == 1)
            ck_assert_int_eq(items[i].place.y, wanted[i][1]);
    }
    ck_assert_int_eq(aigw_body_read(&second, &walk_table,
                                    AIGW_STR("{\"steps\":[{\"kind\":\"place\",\"at\":{\"x\":1}},"
                                             "{\"kind\":\"place\",\"at\":{\"y\":7}}]}"),
                                    &steps),
                     AIGW_E_INVALID);
    ck_assert_str_eq(second.faults->type, "missing");
    aigw_pool_free(&pool);
}
END_TEST

/* The schema of a smaller table, whole; the large one must be JSON and name every member. */
static const struct aigw_body_field small_fields[] = {
    { .name = "type", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED, .words = "a|b" },
    { .name = "n",
      .type = AIGW_BODY_INT,
      .flags = AIGW_BODYF_NULLABLE,
      .low = 1,
      .high = INFINITY,
      .default_value = "2",
      .description = "how \"many\"" },
    { .name = "key", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_SECRET, .max = 9 },
    { .name = "in", .type = AIGW_BODY_LIST, .max = 4, .table = &place_table },
    { .name = "x", .type = AIGW_BODY_ANY, .flags = AIGW_BODYF_REQUIRED },
    { .name = "m", .type = AIGW_BODY_MAP, .item = &any_word },
    { .name = "e", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_OR },
    { .name = "e", .type = AIGW_BODY_BOOL, .default_value = "true" },
};

static const struct aigw_body_table small_table = { AIGW_BODY_FIELDS(small_fields), .title = "Small" };

static const char small_schema[] =
    "{\"type\":\"object\",\"title\":\"Small\",\"properties\":{\"type\":{\"enum\":[\"a\",\"b\"]},"
    "\"n\":{\"type\":[\"integer\",\"null\"],\"minimum\":1,\"default\":2,\"description\":\"how \\\"many\\\"\"},"
    "\"key\":{\"type\":\"string\",\"maxLength\":9,\"format\":\"password\"},"
    "\"in\":{\"type\":\"array\",\"maxItems\":4,\"items\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":"
    "\"integer\"},\"y\":{\"type\":\"integer\",\"default\":10}},\"required\":[\"x\"]}},\"x\":{},"
    "\"m\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\",\"maxLength\":3}},"
    "\"e\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"boolean\",\"default\":true}]}},"
    "\"required\":[\"type\",\"x\"]}";

START_TEST(tables_print_their_schema)
{
    struct aigw_pool pool = { NULL };
    struct aigw_memory memory = aigw_pool_memory(&pool, (size_t)1 << 20);
    struct json_object *tree, *properties = NULL, *required = NULL;
    aigw_str schema;

    ck_assert_int_eq(aigw_body_schema(&small_table, &memory, &schema), AIGW_OK);
    ck_assert_msg(same_str(schema, str(small_schema)), "%.*s", AIGW_STR_ARG(schema));
    ck_assert_int_eq(aigw_body_schema(&shape_table, &memory, &schema), AIGW_OK);
    tree = json_tokener_parse(schema.ptr);
    ck_assert(json_object_object_get_ex(tree, "properties", &properties));
    ck_assert_int_eq(json_object_object_length(properties),
                     (int)shape_table.field_count - 5); /* six share a name, the tag is one more */
    ck_assert(json_object_object_get_ex(tree, "required", &required));
    ck_assert_str_eq(json_object_to_json_string_ext(required, JSON_C_TO_STRING_PLAIN), "[\"name\",\"version\"]");
    json_object_put(tree);
    aigw_pool_free(&pool);
}
END_TEST

START_TEST(every_shortage_of_memory_is_told) /* and is no fault of the body */
{
    static const char *const texts[] = {
        "{" V ",\"words\":[\"\\n\"],\"parts\":[{\"text\":\"\\t\"},{\"type\":\"group\",\"parts\":[{\"text\":\"a\"}]}],"
        "\"place\":{\"x\":1},\"map\":{\"a\\n\":\"\\q\"},\"matrix\":[[1]]}",
        "{" V ",\"words\":[1],\"map\":7,\"parts\":[{},{\"text\":\"\\n\"}]}",
    };

    for (size_t i = 0; i < COUNT(texts); i++) {
        aigw_status last = i ? AIGW_E_INVALID : AIGW_OK, status;
        size_t limit = 0;

        do {
            struct aigw_pool pool = { NULL };
            struct aigw_memory memory = aigw_pool_memory(&pool, limit++);
            struct aigw_body body = { .memory = &memory };
            struct shape shape;

            status = aigw_body_read(&body, &shape_table, str(texts[i]), &shape);
            ck_assert(status == last || status == AIGW_E_LIMIT);
            aigw_pool_free(&pool);
        } while (status != last);
    }
}
END_TEST

TCase *body_case(void)
{
    TCase *body = tcase_create("body");

    tcase_add_loop_test(body, bodies_are_judged, 0, (int)COUNT(bodies));
    tcase_add_test(body, long_words_of_the_sender_are_cut_between_characters);
    tcase_add_test(body, faults_say_where_in_plain_words_too);
    tcase_add_test(body, objects_whose_row_the_tag_chooses_are_each_read);
    tcase_add_test(body, tables_print_their_schema);
    tcase_add_test(body, every_shortage_of_memory_is_told);
    return body;
}
