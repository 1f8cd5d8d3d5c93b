/* new.c - start a plugin from the template that is installed with the SDK. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

#define TEMPLATE_MAX ((size_t)1 << 20) /* bytes of one file */

struct renaming {
    const char *kind, *name, *prefix, *language, *suffix;
};

static bool is_name(const char *name)
{
    return *name >= 'a' && *name <= 'z' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0' &&
           strlen(name) <= 64;
}

/* The name becomes that of a struct: words of C and C++, and two that compilers define. */
static const char keywords[] =
    " alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const consteval "
    "constexpr constinit const_cast continue co_await co_return co_yield decltype default delete do double "
    "dynamic_cast "
    "else enum explicit export extern false float for friend goto if inline int linux long mutable namespace new "
    "noexcept "
    "not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict return "
    "short signed sizeof static static_assert static_cast struct switch template this thread_local throw true try "
    "typedef "
    "typeid typename typeof union unix unsigned using virtual void volatile wchar_t while xor xor_eq ";

static bool is_keyword(const char *name)
{
    size_t len = strlen(name);

    for (const char *at = strstr(keywords, name); at; at = strstr(at + 1, name))
        if (at[-1] == ' ' && at[len] == ' ')
            return true;
    return false;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* What stands in a template and what it becomes: the plugin's name, its functions, its state, its language. `*` before
 * a text: only where a word begins; after it: only where one ends. */
static size_t replacement(const struct renaming *to, const char *begin, const char *at, char *ret_text, size_t size)
{
    char hello[32], file[48];
    snprintf(hello, sizeof hello, "hello_%s", to->kind);
    snprintf(file, sizeof file, "hello_%s.c", to->kind);
    const struct {
        const char *text, *suffix, *head;
        bool begins_word, ends_word;
    } rows[] = {
        { file, to->suffix, to->name, false, true }, { hello, "", to->name, false, false },
        { "hello_", "_", to->name, true, false },    { "struct hello", "", NULL, true, true },
        { "@SDK@", "", to->prefix, false, false },   { "LANGUAGES C", "", to->language, false, true },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = strlen(rows[i].text);

        if (strncmp(at, rows[i].text, len) != 0 || (rows[i].begins_word && at > begin && is_word(at[-1])) ||
            (rows[i].ends_word && is_word(at[len])))
            continue;
        if (rows[i].head)
            snprintf(ret_text, size, "%s%s", rows[i].head, rows[i].suffix);
        else
            snprintf(ret_text, size, "struct %s", to->name);
        return len;
    }
    return 0;
}

static bool write_renamed(FILE *out, const struct renaming *to, const char *text)
{
    char changed[PATH_MAX + 64];

    for (const char *at = text; *at;) {
        size_t len = replacement(to, text, at, changed, sizeof changed);

        if (len > 0)
            fputs(changed, out);
        else
            fputc(*at, out);
        at += len > 0 ? len : 1;
    }
    return fflush(out) == 0 && !ferror(out);
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = file ? calloc(1, TEMPLATE_MAX + 1) : NULL;
    bool is_read = text && (fread(text, 1, TEMPLATE_MAX, file) > 0 || !ferror(file));

    if (file)
        fclose(file);
    if (is_read)
        return text;
    tool_fail("%s: cannot be read: %s", path, strerror(errno));
    free(text);
    return NULL;
}

static int copy_file(const char *from_folder, const char *name, const char *to_folder, const struct renaming *to)
{
    char from[PATH_MAX], target[PATH_MAX], own[PATH_MAX + 64];
    char *text;
    FILE *out;
    int result = 1;

    tool_path(from, "%s/%s", from_folder, name);
    if (replacement(to, name, name, own, sizeof own) == 0)
        snprintf(own, sizeof own, "%s", name);
    else if (!strchr(own, '.'))
        strncat(own, strchr(name, '.'), 64);
    if (!tool_path(target, "%s/%s", to_folder, own))
        return tool_fail("%s: the path is too long", to_folder);
    text = read_text(from);
    out = text ? fopen(target, "wxe") : NULL;
    if (out && write_renamed(out, to, text))
        result = 0;
    else if (text)
        tool_fail("%s: cannot be written: %s", target, strerror(errno));
    if (out)
        fclose(out);
    free(text);
    return result;
}

static int copy_folder(const char *from, const char *folder, const struct renaming *to)
{
    DIR *dir = opendir(from);
    int result = 0;

    if (!dir)
        return tool_fail("%s: the SDK's template is not there: %s; --sdk says where the SDK is", from, strerror(errno));
    for (struct dirent *entry = readdir(dir); entry && result == 0; entry = readdir(dir))
        if (entry->d_name[0] != '.')
            result = copy_file(from, entry->d_name, folder, to);
    closedir(dir);
    return result;
}

int tool_new(const struct tool_options *options)
{
    const char *kind = options->names[0], *name = options->names[1];
    const char *folder = options->name_count > 2 ? options->names[2] : name;
    struct renaming to = { .kind = kind,
                           .name = name,
                           .prefix = options->sdk ? options->sdk : tool_prefix(),
                           .language = options->is_cxx ? "LANGUAGES CXX" : "LANGUAGES C",
                           .suffix = options->is_cxx ? ".cc" : ".c" };
    char from[PATH_MAX], sdk[PATH_MAX];

    if (strcmp(kind, "provider") != 0 && strcmp(kind, "feature") != 0) {
        tool_fail("the kind is \"%s\", expected provider or feature", kind);
        return 2;
    }
    if (!is_name(name)) {
        tool_fail("the name is \"%s\", expected at most 64 lower-case letters, digits and underscores, a letter first",
                  name);
        return 2;
    }
    if (is_keyword(name)) {
        tool_fail("the name \"%s\" is a word of C or C++, and would name a struct; choose another one", name);
        return 2;
    }
    if (realpath(to.prefix, sdk)) /* CMake wants it absolute */
        to.prefix = sdk;
    tool_path(from, "%s/share/aigw/template/%s", to.prefix, kind);
    if (access(from, R_OK) != 0)
        return tool_fail("%s: the SDK's template is not there: %s; --sdk says where the SDK is", from, strerror(errno));
    if (mkdir(folder, 0777) != 0)
        return errno == EEXIST ? tool_fail("%s exists already; choose another folder or remove it", folder)
                               : tool_fail("%s: cannot be made: %s", folder, strerror(errno));
    if (copy_folder(from, folder, &to) != 0)
        return 1;
    printf("%s: a %s named %s. Build and test it:\n    cd %s && cmake --workflow --preset check\n", folder, kind, name,
           folder);
    return 0;
}
