/* aigw/body.h - one table says what a JSON body may hold. It checks the body, fills a struct, words every fault with
 * its place, and prints the JSON Schema for the API document. Part of the static library aigw_parts (aigw/json.h).
 *
 *     struct greeting { aigw_str name; int64_t times; };
 *
 *     static const struct aigw_body_field fields[] = {
 *         { .name = "name", .type = AIGW_BODY_STRING, .flags = AIGW_BODYF_REQUIRED | AIGW_BODYF_STRIP, .max = 100,
 *           .offset = offsetof(struct greeting, name) },
 *         { .name = "times", .type = AIGW_BODY_INT, .low = 1, .high = 9, .default_value = "1",
 *           .offset = offsetof(struct greeting, times) },
 *     };
 *     static const struct aigw_body_table table = { AIGW_BODY_FIELDS(fields), .size = sizeof(struct greeting) };
 *
 *     struct aigw_body body = { .memory = &memory };
 *     struct greeting greeting;
 *     aigw_status status = aigw_body_read(&body, &table, text, &greeting);
 *
 * Rules      Those of aigw/json.h for the text. Members that no row names are checked and skipped. Of members with the
 *            same name the last one counts, and only it is judged. All faults are found, in the table's order, but no
 *            more than AIGW_BODY_FAULTS.
 * Lax types  As clients of such APIs are used to: an integer may be written 4.0, "4" or true; a bool 0, 1, "on",
 *            "off", "yes", "no", "t", "f"; a number as a string. A string is only a string.
 * Faults     Texts and types are those of pydantic, which the clients' documentation quotes. No fault holds a value of
 *            the body, but the tag of a union.
 * Memory     For what is kept: strings with escapes, items of lists, places of members, faults. Strings without
 *            escapes and ANY values point into the text, which must outlive the struct. All of it comes out of
 *            body->memory. An entry of a list or map takes more than the two bytes it may be in the text: give them
 *            a .max.
 * Threads    Tables are read only. A struct aigw_body is one reading, of one thread.
 */
#ifndef AIGW_BODY_H
#define AIGW_BODY_H

#include <aigw/feature.h>
#include <aigw/json.h>

#ifdef __cplusplus
extern "C" {
#endif

struct aigw_body;
struct aigw_body_table;

#define AIGW_BODY_FAULTS 50u /* kept of one body */
#define AIGW_BODY_PLACES 16u /* parts of a location; deeper ones are left out of it */

/** Type of a member, and of the field that it fills. */
#define AIGW_BODY_STRING 1u /* aigw_str                                                                            */
#define AIGW_BODY_INT    2u /* int64_t; beyond 64 bits INT64_MIN or INT64_MAX                                      */
#define AIGW_BODY_BOOL   3u /* bool                                                                                */
#define AIGW_BODY_NUMBER 4u /* double, finite                                                                      */
#define AIGW_BODY_OBJECT 5u /* the struct of .table, by value                                                      */
#define AIGW_BODY_LIST   6u /* struct aigw_body_list of what .item says, or of the struct of .table                */
#define AIGW_BODY_MAP    7u /* struct aigw_body_list of struct aigw_body_pair: names of any kind, as often as sent   */
#define AIGW_BODY_ANY    8u /* aigw_str: the JSON text of a value of any type, after aigw_json_mend()              */

#define AIGW_BODYF_REQUIRED   0x1u  /* must be there                                                               */
#define AIGW_BODYF_NULLABLE   0x2u  /* may be null, which reads as absent                                          */
#define AIGW_BODYF_STRIP      0x4u  /* STRING: white space around it is dropped before anything is counted         */
#define AIGW_BODYF_URL        0x8u  /* STRING: an http or https URL with a host, or empty                          */
#define AIGW_BODYF_LITERAL    0x10u /* .words: a wrong one is a literal_error, otherwise an enum error              */
#define AIGW_BODYF_SECRET     0x20u /* a password in the schema                                                    */
#define AIGW_BODYF_OR         0x40u /* a value whose JSON type is not this row's is for the next row of that name  */
#define AIGW_BODYF_BEFORE_TAG 0x80u /* read before the table's tag is looked at, and with no tag in its location   */

#define AIGW_BODY_NOWHERE SIZE_MAX /* as an offset: the value is judged and forgotten                              */

/** Called with the value once it is good; for more than a row can say. `value` is the field in the struct. Reports with
 *  aigw_body_report(). */
typedef void (*aigw_body_check_fn)(struct aigw_body *body, void *value);

/** One member, or the items of a list. Zero means "no such rule". */
struct aigw_body_field {
    const char *name;          /* ASCII without quotes and backslashes; NULL for items. Rows of one name are together */
    const char *alias;         /* another name that it may be sent under, such as maxTokens; of both the last counts */
    uint32_t type;             /* AIGW_BODY_*                                                                     */
    uint32_t flags;            /* AIGW_BODYF_*                                                                    */
    size_t offset;             /* of the field in the table's struct, or AIGW_BODY_NOWHERE; unused for items      */
    size_t min, max;           /* STRING: characters; LIST, MAP: entries                                          */
    double low, high;          /* INT, NUMBER: the range, both ends in it, when low < high                        */
    const char *words;         /* STRING: "one|two|three", the only ones allowed                                  */
    const char *default_value; /* STRING, INT, NUMBER, BOOL: what absent and null read as, in text form            */
    uint32_t given;            /* bits to set at .given_offset of the table when the member has a value           */
    uint32_t variants;         /* bit i: the member belongs to the table's i-th tag. 0: to all                    */
    const struct aigw_body_table *table; /* OBJECT; LIST of objects. It may hold itself through a list              */
    const struct aigw_body_field *item;  /* LIST of other things; MAP: STRING for strings, else values are ANY     */
    aigw_body_check_fn check;
    const char *description; /* for the schema */
};

/** An object. */
struct aigw_body_table {
    const struct aigw_body_field *fields;
    uint32_t field_count;
    uint32_t reserved;
    size_t size; /* of the struct, which is zeroed first; 0 when the fields lie in the struct around, at offset 0 */
    /* A union: the member `tag` chooses the variant. NULL: no union. */
    const char *tag;
    const char *tags;         /* "text|image": words, or numbers such as "1|2|3" when tag_is_number; at most 32    */
    bool tag_is_number;       /* 1, 1.0 and true are the same tag, "1" is not                                     */
    uint32_t default_variant; /* 1 for the first of tags: the variant without a tag. 0: it is required            */
    size_t variant_offset;    /* uint32_t that gets 0 for the first of tags, 1 for the second …                   */
    bool has_given;
    size_t given_offset;      /* uint32_t that collects the rows' `given`                                         */
    aigw_body_check_fn check; /* called with the struct after all fields, whether they were good or not; of a union
                                 only when the tag is right, and its places are then behind the tag               */
    const char *title;        /* for the schema */
    const char *description;
};

#define AIGW_BODY_FIELDS(array) .fields = (array), .field_count = (uint32_t)(sizeof(array) / sizeof *(array))

struct aigw_body_list {
    const void *items; /* array of aigw_str, int64_t, double, bool, struct aigw_body_list or the item table's struct */
    size_t count;
};

struct aigw_body_pair {
    aigw_str name;
    aigw_str value; /* JSON text; of a map of strings the string */
};

/** What is wrong and where. Lives in body->memory. */
struct aigw_body_fault {
    const struct aigw_body_fault *next;
    const char *type;                    /* "missing" */
    const struct aigw_body_field *field; /* the row it is about; NULL: the body or an item itself */
    aigw_str loc;                        /* JSON list: ["body",2,"current_file","file_name"] */
    aigw_str path;                       /* "current_file.file_name", empty for the body: for people */
    aigw_str msg;                        /* "Field required" */
};

/** One reading. Zero it, set the first three. */
struct aigw_body {
    struct aigw_memory *memory;
    void *user;       /* for the check functions */
    uint32_t options; /* AIGW_JSON_NAN, AIGW_JSON_STRICT */
    /* what came of it */
    uint32_t fault_count; /* reading stops soon after AIGW_BODY_FAULTS */
    const struct aigw_body_fault *faults;
    /* the library's */
    struct aigw_body_fault *last_fault;
    const struct aigw_body_field *field;
    const void *object;
    char *room;
    size_t room_left;
    uint32_t faults_before;
    uint32_t place_count;
    aigw_status status;
    struct {
        aigw_str name; /* absent: index */
        int64_t index;
        bool is_tag;
    } places[AIGW_BODY_PLACES];
};

/** Read `text` by the table into the struct at ret. AIGW_OK; AIGW_E_INVALID with faults; AIGW_E_NOMEM or AIGW_E_LIMIT,
 *  which are not the sender's fault or not a fault of the body's content. */
aigw_status aigw_body_read(struct aigw_body *body, const struct aigw_body_table *table, aigw_str text, void *ret);

/** Report a fault at the place that is being read, or at its member `name` when not NULL; type must be static. For
 *  check functions, and for what is wrong with a body before it is read. */
void aigw_body_report(struct aigw_body *body, const char *name, const char *type, const char *fmt, ...)
    AIGW_PRINTF(4, 5);
/** In a table's check function: the last member of that name, as it was sent; false when absent. Only of names that the
 *  table has. */
bool aigw_body_member(const struct aigw_body *body, const char *name, struct aigw_json *ret);
/** In a table's check function: nothing in this object was found wrong so far. */
bool aigw_body_is_good(const struct aigw_body *body);

/** The faults as a JSON list [{"type":…,"loc":[…],"msg":…},…] in body->memory, "[]" without any. */
aigw_status aigw_body_list_faults(struct aigw_body *body, aigw_str *ret_json);
/** The JSON Schema of a body by this table. NUL-terminated. */
aigw_status aigw_body_schema(const struct aigw_body_table *table, struct aigw_memory *memory, aigw_str *ret_json);

/** Memory of an instance or a request, as parts take it:
 *      struct aigw_host_memory from = { host, ctx, AIGW_LIFE_BUILD };
 *      struct aigw_memory memory = { aigw_host_memory_get, &from, SIZE_MAX };                                        */
struct aigw_host_memory {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    uint32_t life; /* AIGW_LIFE_* */
};

static inline void *aigw_host_memory_get(void *user, size_t len)
{
    const struct aigw_host_memory *from = (const struct aigw_host_memory *)user;

    return from->host->alloc(from->ctx, from->life, len);
}

/** Answers a wrong body in words of its own, for a caller who did not ask for all of it: true when it did. */
typedef bool (*aigw_body_refuse_fn)(struct aigw_ctx *ctx, void *user, const struct aigw_body *body);

/** The usual first step of a feature's check(): read the JSON body of `request` by the table into ret, in memory of
 *  AIGW_LIFE_BUILD. AIGW_OK; AIGW_E_INVALID: it was answered with 422, by refuse(ctx, user, …) or, when that is NULL,
 *  declines or the request is verbose, with all faults; AIGW_E_NOMEM or AIGW_E_LIMIT: nothing was answered. options as
 * in struct aigw_body. From check() only. */
aigw_status aigw_body_of_request(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aigw_request *request,
                                 const struct aigw_body_table *table, uint32_t options, aigw_body_refuse_fn refuse,
                                 void *user, void *ret);

/** True for a content type that holds JSON: none at all, application/json, application/…+json, any case and
 *  parameters. */
bool aigw_body_is_json_type(aigw_str content_type);
/** True for one of "one|two|three". */
bool aigw_body_is_word(const char *words, aigw_str text);
/** http or https in any case, a host, no blanks or control characters. */
bool aigw_body_is_url(aigw_str text);

#ifdef __cplusplus
}
#endif
#endif
