/* canon_write.c - model request → JSON text. What is wrong with the structs themselves goes to `faults`, a line each.
 */
#include "canon.h"

#include <string.h>

static void put_struct(struct gw_buf *out, const struct canon_form *form, const char *from, struct gw_buf *faults);
static void put_members(struct gw_buf *out, const struct canon_form *form, const char *from, struct gw_buf *faults);

static void put_key(struct gw_buf *out, const char *key)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        gw_buf_puts(out, ",");
    gw_buf_printf(out, "\"%s\":", key);
}

static void put_string(struct gw_buf *out, const char *key, aigw_str value)
{
    if (!value.ptr)
        return;
    put_key(out, key);
    gw_buf_json(out, value, false);
}

static void put_list(struct gw_buf *out, const struct canon_field *field, const char *item, struct gw_buf *faults)
{
    if (!item)
        return;
    put_key(out, field->name);
    for (const char *comma = "["; item; comma = ",") {
        gw_buf_puts(out, comma);
        put_struct(out, field->form, item, faults);
        item = *(const char *const *)(const void *)(item + field->form->next);
    }
    gw_buf_puts(out, "]");
}

static void put_texts(struct gw_buf *out, const char *key, const aigw_str *items, uint32_t count)
{
    if (count == 0)
        return;
    put_key(out, key);
    for (uint32_t i = 0; i < count; i++) {
        gw_buf_puts(out, i > 0 ? "," : "[");
        gw_buf_json(out, items[i], false);
    }
    gw_buf_puts(out, "]");
}

static size_t width_of(const struct canon_field *field)
{
    switch (field->type) {
    case CANON_TEXT:
    case CANON_JSON:
        return sizeof(aigw_str);
    case CANON_NUMBER:
    case CANON_INTEGER:
        return sizeof(int64_t);
    case CANON_WORD:
    case CANON_FLAG:
    case CANON_SWITCH:
    case CANON_COUNT:
        return sizeof(uint32_t);
    default:
        return sizeof(void *);
    }
}

static uint32_t number_at(const char *from, size_t offset)
{
    return *(const uint32_t *)(const void *)(from + offset);
}

/* Is the member there? What lies behind the size that the maker of the struct named is not read. */
static bool is_given(const struct canon_field *field, const char *from)
{
    const void *at = from + field->offset;

    if (field->offset + width_of(field) > number_at(from, 0))
        return false;
    switch (field->type) {
    case CANON_TEXT:
        return ((const aigw_str *)at)->ptr;
    case CANON_JSON:
        return ((const aigw_str *)at)->len > 0;
    case CANON_FLAG:
        return (number_at(from, field->offset) & field->bit) != 0;
    case CANON_WORD:
    case CANON_SWITCH:
    case CANON_COUNT:
        return number_at(from, field->offset) != 0;
    case CANON_NUMBER:
    case CANON_INTEGER:
        return (number_at(from, field->second) & field->bit) != 0;
    case CANON_TEXTS:
        return number_at(from, field->second) > 0;
    case CANON_CHOICE:
        return ((const struct aigw_model_request *)(const void *)from)->tool_choice != AIGW_TOOLS_AUTO;
    default:
        return *(const void *const *)at;
    }
}

/* A text part that says nothing else, alone: written as its text. */
static bool is_plain(const struct canon_form *form, const struct aigw_part *part)
{
    if (part->struct_size < offsetof(struct aigw_part, id) || part->type != AIGW_PART_TEXT || !part->text.ptr ||
        part->next)
        return false;
    for (size_t i = 0; i < form->field_count; i++)
        if (form->fields[i].offset != offsetof(struct aigw_part, type) &&
            form->fields[i].offset != offsetof(struct aigw_part, text) &&
            is_given(&form->fields[i], (const char *)part))
            return false;
    return true;
}

static void put_word(struct gw_buf *out, const struct canon_field *field, uint32_t value)
{
    uint32_t count = 0;

    while (field->words[count])
        count++;
    put_string(out, field->name, gw_str(value < count ? field->words[value] : "?"));
}

static void put_choice(struct gw_buf *out, const struct canon_field *field, const struct aigw_model_request *req)
{
    if (req->tool_choice == AIGW_TOOLS_NAMED) {
        put_key(out, field->name);
        gw_buf_puts(out, "{");
        put_string(out, "name", req->tool_choice_name);
        gw_buf_puts(out, "}");
    } else {
        put_string(out, field->name,
                   gw_str(req->tool_choice < AIGW_TOOLS_NAMED ? canon_choice_words[req->tool_choice] : "?"));
    }
}

static void put_headers(struct gw_buf *out, const struct aigw_raw *raw)
{
    if (raw->header_count == 0)
        return;
    put_key(out, "headers");
    gw_buf_puts(out, "{");
    for (uint32_t i = 0; i < raw->header_count; i++) {
        gw_buf_puts(out, i > 0 ? "," : "");
        gw_buf_json(out, raw->headers[i].name, false);
        gw_buf_puts(out, ":");
        gw_buf_json(out, raw->headers[i].value, false);
    }
    gw_buf_puts(out, "}");
}

static void put_field(struct gw_buf *out, const struct canon_field *field, const char *from, struct gw_buf *faults)
{
    const void *at = from + field->offset;
    const void *ptr = field->type >= CANON_LIST ? *(const void *const *)at : NULL;

    switch (field->type) {
    case CANON_TEXT:
        put_string(out, field->name, *(const aigw_str *)at);
        break;
    case CANON_WORD:
        put_word(out, field, number_at(from, field->offset));
        break;
    case CANON_TEXTS:
        put_texts(out, field->name, *(const aigw_str *const *)at, number_at(from, field->second));
        break;
    case CANON_CONTENT:
        if (is_plain(field->form, ptr)) {
            put_string(out, field->name, ((const struct aigw_part *)ptr)->text);
            break;
        } /* fall through */
    case CANON_LIST:
        put_list(out, field, ptr, faults);
        break;
    case CANON_CHOICE:
        put_choice(out, field, (const void *)from);
        break;
    case CANON_PART:
        put_members(out, field->form, ptr, faults);
        break;
    case CANON_RAW:
        put_key(out, field->name);
        gw_buf_puts(out, "{");
        put_members(out, &canon_raw, ptr, faults);
        put_headers(out, ptr);
        gw_buf_puts(out, "}");
        break;
    default:
        put_key(out, field->name);
        if (field->type == CANON_JSON)
            gw_buf_put_str(out, *(const aigw_str *)at);
        else if (field->type == CANON_NUMBER)
            gw_buf_printf(out, "%.15g", *(const double *)at);
        else if (field->type == CANON_INTEGER)
            gw_buf_printf(out, "%lld", (long long)*(const int64_t *)at);
        else if (field->type == CANON_COUNT)
            gw_buf_printf(out, "%u", number_at(from, field->offset));
        else
            gw_buf_puts(out,
                        field->type == CANON_FLAG || number_at(from, field->offset) == AIGW_YES ? "true" : "false");
    }
}

static void put_members(struct gw_buf *out, const struct canon_form *form, const char *from, struct gw_buf *faults)
{
    uint32_t size = number_at(from, 0);

    if (size < 2 * sizeof(uint32_t) || size > form->size + TESTHOST_GROWTH_MAX)
        gw_buf_printf(faults, "%s: struct_size is %u, expected %zu: set it to sizeof the struct\n", form->what, size,
                      form->size);
    for (size_t i = 0; i < form->field_count; i++)
        if (is_given(&form->fields[i], from))
            put_field(out, &form->fields[i], from, faults);
}

static void put_struct(struct gw_buf *out, const struct canon_form *form, const char *from, struct gw_buf *faults)
{
    gw_buf_puts(out, "{");
    put_members(out, form, from, faults);
    gw_buf_puts(out, "}");
}

void testhost_write_request(struct gw_buf *out, const struct aigw_model_request *req, struct gw_buf *faults)
{
    put_struct(out, &canon_request, (const char *)req, faults);
}
