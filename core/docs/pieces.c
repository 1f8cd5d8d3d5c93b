/* pieces.c - a Markdown page of GitLab's documentation → pieces fit for a search result.
 *
 * Lines are read one after the other. Out go front matter, comments and Hugo's short codes; what is inside a fence of
 * code stays as it is. A heading ends the piece before it, if that is long enough to stand alone. */
#include <string.h>

#include "docs/docs.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)
#define LEVELS         6

struct splitter {
    bool (*take)(void *user, const struct docs_piece *piece);
    void *user;
    char title[DOCS_TITLE_MAX];
    char headings[LEVELS][DOCS_TITLE_MAX];           /* the open ones, "" where there is none */
    char trail[(LEVELS + 1) * (DOCS_TITLE_MAX + 3)]; /* of the piece at hand */
    struct gw_buf text;                              /* likewise */
    size_t words;
    struct gw_buf line; /* without comments and short codes */
    char fence;         /* '`' or '~' inside one */
    size_t fence_len;
    bool is_comment; /* a comment began on an earlier line */
};

static void copy_text(char *to, aigw_str text)
{
    text = gw_str_cut(text, DOCS_TITLE_MAX - 1);
    if (text.len > 0)
        memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
}

static aigw_str next_line(aigw_str *rest)
{
    const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
    aigw_str line = { rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len };
    size_t used = line.len + (end != NULL);

    *rest = (aigw_str){ rest->ptr + used, rest->len - used };
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

static size_t count_words(aigw_str text)
{
    size_t words = 0;
    bool in_word = false;

    for (size_t i = 0; i < text.len; i++) {
        bool is_blank = text.ptr[i] == ' ' || (text.ptr[i] >= '\t' && text.ptr[i] <= '\r');

        words += !is_blank && !in_word;
        in_word = !is_blank;
    }
    return words;
}

/* ---- front matter ---- */

/** The value of "name: value" without quotes around it; absent for other lines. */
static aigw_str value_of(aigw_str line, const char *name)
{
    size_t len = strlen(name);
    aigw_str value;

    if (line.len <= len || memcmp(line.ptr, name, len) != 0 || line.ptr[len] != ':')
        return AIGW_STR_NONE;
    value = gw_str_trim((aigw_str){ line.ptr + len + 1, line.len - len - 1 });
    if (value.len >= 2 && (value.ptr[0] == '"' || value.ptr[0] == '\'') && value.ptr[value.len - 1] == value.ptr[0])
        value = (aigw_str){ value.ptr + 1, value.len - 2 };
    return value;
}

/** Skip the front matter and take the title out of it. True when the page only says where it moved to. */
static bool read_front_matter(struct splitter *s, aigw_str *page)
{
    aigw_str rest = *page, line = next_line(&rest), title = AIGW_STR_NONE;
    bool has_moved = false;

    if (!gw_str_is(line, "---"))
        return false;
    while (rest.len > 0) {
        line = next_line(&rest);
        if (gw_str_is(line, "---")) {
            *page = rest;
            copy_text(s->title, title);
            return has_moved;
        }
        if (!title.len)
            title = value_of(line, "title");
        has_moved = has_moved || value_of(line, "redirect_to").len > 0;
    }
    return false; /* never closed: a ruler, and all is text */
}

/* ---- lines ---- */

static bool begins_with(aigw_str text, const char *word)
{
    return gw_str_has_prefix(text, gw_str(word));
}

/** s->line becomes the line without comments and short codes. */
static void clean_line(struct splitter *s, aigw_str line)
{
    bool has_codes = true; /* so far each one that began also ended */

    gw_buf_clear(&s->line);
    while (line.len > 0) {
        const char *end;
        size_t used = 1;

        if (s->is_comment || begins_with(line, "<!--")) {
            end = memmem(line.ptr, line.len, "-->", 3);
            s->is_comment = end == NULL;
            used = end ? (size_t)(end - line.ptr) + 3 : line.len;
        } else if (has_codes && begins_with(line, "{{<")) {
            end = memmem(line.ptr, line.len, ">}}", 3);
            has_codes = end != NULL;
            used = end ? (size_t)(end - line.ptr) + 3 : 0;
        } else {
            gw_buf_put(&s->line, line.ptr, 1);
        }
        line = (aigw_str){ line.ptr + used, line.len - used };
    }
    while (s->line.len > 0 && strchr(" \t", s->line.data[s->line.len - 1]))
        s->line.len--;
}

/** The fence that the line is, its length in *ret_len; 0 when it is none. */
static char fence_of(aigw_str line, size_t *ret_len, bool *ret_is_bare)
{
    aigw_str text = gw_str_trim(line);
    size_t len = 0;

    if (text.len < 3 || (text.ptr[0] != '`' && text.ptr[0] != '~'))
        return '\0';
    while (len < text.len && text.ptr[len] == text.ptr[0])
        len++;
    *ret_len = len;
    *ret_is_bare = len == text.len;
    /* Back-ticks behind back-ticks are code inside a line. */
    return len >= 3 && (text.ptr[0] == '~' || !memchr(text.ptr + len, '`', text.len - len)) ? text.ptr[0] : '\0';
}

/** The heading's level and text; 0 when the line is none. */
static int heading_of(aigw_str line, aigw_str *ret_text)
{
    size_t indent = 0, level = 0;
    const char *id;
    aigw_str text;

    while (indent < line.len && indent < 4 && line.ptr[indent] == ' ')
        indent++;
    while (indent + level < line.len && line.ptr[indent + level] == '#')
        level++;
    if (indent > 3 || level == 0 || level > LEVELS ||
        (indent + level < line.len && !strchr(" \t", line.ptr[indent + level])))
        return 0;
    text = gw_str_trim((aigw_str){ line.ptr + indent + level, line.len - indent - level });
    id = text.len > 3 && text.ptr[text.len - 1] == '}' ? memmem(text.ptr, text.len, "{#", 2) : NULL;
    if (id)
        text = gw_str_trim((aigw_str){ text.ptr, (size_t)(id - text.ptr) });
    while (text.len > 0 && text.ptr[text.len - 1] == '#')
        text.len--;
    *ret_text = gw_str_trim(text);
    return (int)level;
}

/* ---- pieces ---- */

static void make_trail(struct splitter *s)
{
    size_t len = strlen(s->title);

    memcpy(s->trail, s->title, len + 1);
    for (size_t i = 0; i < LEVELS; i++) {
        size_t heading_len = strlen(s->headings[i]);

        if (heading_len == 0)
            continue;
        memcpy(s->trail + len, " > ", 3);
        memcpy(s->trail + len + 3, s->headings[i], heading_len + 1);
        len += 3 + heading_len;
    }
}

/** Hand on the first len bytes of the text, keep the rest. */
static bool emit(struct splitter *s, size_t len)
{
    struct docs_piece piece = { s->title, s->trail, gw_str_trim((aigw_str){ s->text.data, len }) };
    bool goes_on = s->text.status == AIGW_OK && (piece.text.len == 0 || s->take(s->user, &piece));

    memmove(s->text.data, s->text.data + len, s->text.len - len);
    s->text.len -= len;
    s->words = count_words(gw_buf_str(&s->text));
    return goes_on;
}

static bool flush(struct splitter *s)
{
    return s->text.len == 0 || emit(s, s->text.len);
}

/** Where to cut a text that is long enough: at the last paragraph of its second half, else at its end. */
static size_t cut_at(const struct splitter *s)
{
    for (size_t i = s->text.len; i-- > s->text.len / 2;)
        if (s->text.data[i] == '\n' && i > 0 && s->text.data[i - 1] == '\n')
            return i + 1;
    return s->text.len;
}

static bool add_part(struct splitter *s, aigw_str part)
{
    size_t words = count_words(part);

    if (s->text.len > 0 && (s->words + words > DOCS_PIECE_WORDS || s->text.len + part.len > DOCS_PIECE_BYTES) &&
        !emit(s, s->fence ? s->text.len : cut_at(s)))
        return false;
    if (s->text.len == 0)
        make_trail(s);
    gw_buf_put(&s->text, part.ptr, part.len);
    s->words += words;
    return s->text.status == AIGW_OK;
}

/** How much of a line goes into one part: all of it, or for one that is too long up to a blank, if there is one. */
static size_t part_len(aigw_str line)
{
    size_t words = 0, blank = 0, at = 0;

    if (line.len <= DOCS_PIECE_BYTES / 2 && count_words(line) <= DOCS_PIECE_WORDS / 2)
        return line.len;
    for (; at < line.len && at < DOCS_PIECE_BYTES / 2 && words < DOCS_PIECE_WORDS / 2; at++) {
        if (line.ptr[at] != ' ')
            continue;
        words += at > 0 && line.ptr[at - 1] != ' ';
        blank = at;
    }
    if (blank > 0)
        return blank;
    for (int back = 0; back < 3 && at > 3 && at < line.len && ((unsigned char)line.ptr[at] & 0xc0) == 0x80; back++)
        at--; /* not inside a character */
    return at;
}

/** A line of text. */
static bool add_line(struct splitter *s, aigw_str line)
{
    if (line.len == 0 && (s->text.len == 0 || (s->text.len > 1 && s->text.data[s->text.len - 2] == '\n' && !s->fence)))
        return true; /* one empty line between paragraphs is enough */
    do {
        size_t len = part_len(line);

        if (!add_part(s, (aigw_str){ line.ptr, len }))
            return false;
        line = (aigw_str){ line.ptr + len, line.len - len };
    } while (line.len > 0);
    gw_buf_put(&s->text, "\n", 1);
    return s->text.status == AIGW_OK;
}

static bool add_heading(struct splitter *s, int level, aigw_str text, aigw_str line)
{
    bool is_title = level == 1 && !*s->title;

    if (s->words >= DOCS_PIECE_WORDS_MIN && !flush(s))
        return false;
    for (int i = level - 1; i < LEVELS; i++)
        s->headings[i][0] = '\0';
    if (is_title)
        copy_text(s->title, text);
    else if (strcmp(s->title, "") != 0 && !gw_str_is(text, s->title))
        copy_text(s->headings[level - 1], text);
    return s->text.len == 0 || add_line(s, line); /* the trail of a new piece names it */
}

static bool take_line(struct splitter *s, aigw_str raw)
{
    size_t fence_len = 0;
    bool is_bare = false;
    char fence = s->is_comment ? '\0' : fence_of(raw, &fence_len, &is_bare);
    aigw_str heading, line;
    int level;

    if (s->fence) {
        if (fence == s->fence && is_bare && fence_len >= s->fence_len)
            s->fence = '\0';
        return add_line(s, raw);
    }
    if (fence) {
        s->fence = fence;
        s->fence_len = fence_len;
        return add_line(s, raw);
    }
    clean_line(s, raw);
    line = gw_buf_str(&s->line);
    if (line.len == 0 && gw_str_trim(raw).len > 0)
        return s->line.status == AIGW_OK; /* nothing but comment */
    level = heading_of(line, &heading);
    return level > 0 && heading.len > 0 ? add_heading(s, level, heading, line) : add_line(s, line);
}

/** "push_rules" for user/push_rules.md. */
static void title_from_path(struct splitter *s, const char *path)
{
    const char *slash = strrchr(path, '/');
    aigw_str name = gw_str(slash ? slash + 1 : path);

    copy_text(s->title, (aigw_str){ name.ptr, name.len > 3 ? name.len - 3 : name.len });
}

/** The text of the first heading of level 1 before any other text. */
static bool has_own_title(aigw_str page)
{
    aigw_str text;

    while (page.len > 0) {
        aigw_str line = next_line(&page);

        if (gw_str_trim(line).len > 0 && !begins_with(line, "<!--"))
            return heading_of(line, &text) == 1 && text.len > 0;
    }
    return false;
}

bool docs_pieces(aigw_str page, const char *path, bool (*take)(void *user, const struct docs_piece *piece), void *user)
{
    struct splitter s = { .take = take, .user = user };
    bool goes_on = true;

    if (begins_with(page, "\xef\xbb\xbf"))
        page = (aigw_str){ page.ptr + 3, page.len - 3 };
    if (read_front_matter(&s, &page))
        return true;
    if (!*s.title && !has_own_title(page))
        title_from_path(&s, path);
    gw_buf_init(&s.text, 2 * LINE_MAX_BYTES);
    gw_buf_init(&s.line, 8 * LINE_MAX_BYTES);
    while (goes_on && page.len > 0)
        goes_on = take_line(&s, next_line(&page));
    goes_on = goes_on && flush(&s);
    gw_buf_done(&s.text);
    gw_buf_done(&s.line);
    return goes_on;
}

/* ---- what is made of a piece ---- */

void docs_plain_text(aigw_str text, struct gw_buf *out)
{
    size_t from = 0;

    for (size_t at = 0; at + 1 < text.len; at++) {
        const char *end;

        if (text.ptr[at] != ']' || text.ptr[at + 1] != '(')
            continue;
        end = memchr(text.ptr + at, ')', text.len - at);
        if (!end || memchr(text.ptr + at, '\n', (size_t)(end - text.ptr) - at))
            continue;
        gw_buf_put(out, text.ptr + from, at - from);
        gw_buf_put(out, " ", 1);
        from = (size_t)(end - text.ptr) + 1;
        at = from - 1;
    }
    gw_buf_put(out, text.ptr + from, text.len - from);
}

void docs_url(const char *base, const char *path, struct gw_buf *out)
{
    static const char *const indexes[] = { "_index", "index", "README" };
    const char *slash = strrchr(path, '/');
    size_t folder_len = slash ? (size_t)(slash - path) + 1 : 0;
    aigw_str name = gw_str(path + folder_len);

    name.len -= name.len > 3 ? 3 : 0; /* ".md" */
    gw_buf_puts(out, base);
    gw_buf_put(out, "/", 1);
    gw_buf_put(out, path, folder_len);
    for (size_t i = 0; i < GW_ARRAY_LEN(indexes); i++)
        if (gw_str_is(name, indexes[i]))
            return;
    gw_buf_put_str(out, name);
    gw_buf_put(out, "/", 1);
}
