/* profile.c - the files of the AWS command line, as their text stands:
 *
 *     [default]                    in both files
 *     [profile name]               in the config file; [name] in the credentials file
 *     key = value                  # and ; begin a comment line; indented lines belong to the key before them
 */
#include "aws.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static aigw_str strip(aigw_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = (aigw_str){ s.ptr + 1, s.len - 1 };
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static bool same(aigw_str a, aigw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Is this line, without its brackets, the head of the profile's section? */
static bool is_section(aigw_str head, aigw_str profile, bool is_config)
{
    aigw_str rest = strip(head), word;

    if (!is_config || (wire_is(rest, "default") && wire_is(profile, "default")))
        return same(rest, profile);
    word = aws_cut(&rest, ' ');
    return wire_is(word, "profile") && same(strip(rest), profile);
}

/* Walk to the next line of the profile's sections; absent behind the last. */
struct walk {
    aigw_str rest, profile;
    bool is_config, is_inside, was_seen;
};

static bool next_line(struct walk *walk, aigw_str *ret_line)
{
    while (walk->rest.len > 0) {
        aigw_str raw = aws_cut(&walk->rest, '\n'), line = strip(raw);

        if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';')
            continue;
        if (line.ptr[0] == '[') {
            line = (aigw_str){ line.ptr + 1, line.len - 1 };
            walk->is_inside = is_section(aws_cut(&line, ']'), walk->profile, walk->is_config);
            walk->was_seen |= walk->is_inside;
        } else if (walk->is_inside && !is_blank(raw.ptr[0])) {
            *ret_line = line;
            return true;
        }
    }
    return false;
}

aigw_str aws_profile_get(aigw_str text, aigw_str profile, bool is_config, const char *key)
{
    struct walk walk = { .rest = text, .profile = profile, .is_config = is_config };
    aigw_str line, found = AIGW_STR_NONE;

    while (next_line(&walk, &line)) {
        aigw_str name = strip(aws_cut(&line, '='));

        if (wire_is(name, key))
            found = strip(line);
    }
    return found;
}

bool aws_profile_exists(aigw_str text, aigw_str profile, bool is_config)
{
    struct walk walk = { .rest = text, .profile = profile, .is_config = is_config };
    aigw_str line;

    while (next_line(&walk, &line))
        continue;
    return walk.was_seen;
}
