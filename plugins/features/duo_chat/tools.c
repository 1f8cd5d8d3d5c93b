/* tools.c - see tools.h. */
#include "tools.h"

#include <string.h>

struct tool {
    aigw_str name;
    const char *scope;
    uint32_t least[3]; /* the first GitLab that has it; 0: all of them */
};

static const struct tool tools[CHAT_TOOLS] = {
    { AIGW_STR_INIT("build_reader"), "ask_build", { 17, 5, 0 } },
    { AIGW_STR_INIT("epic_reader"), "ask_epic", { 0 } },
    { AIGW_STR_INIT("issue_reader"), "ask_issue", { 0 } },
    { AIGW_STR_INIT("merge_request_reader"), "ask_merge_request", { 17, 5, 0 } },
    { AIGW_STR_INIT("commit_reader"), "ask_commit", { 17, 5, 0 } },
    { AIGW_STR_INIT("work_item_reader"), "ask_work_item", { 0 } },
    { AIGW_STR_INIT("gitlab_documentation"), "documentation_search", { 0 } },
};

aigw_str chat_tool_name(uint32_t tool)
{
    return tools[tool].name;
}

uint32_t chat_tools_offered(const struct aigw_host *host, struct aigw_ctx *ctx, bool has_all)
{
    aigw_str version = host->header(ctx, "X-Gitlab-Version");
    uint32_t offered = 0;

    for (uint32_t i = 0; i < CHAT_TOOLS; i++)
        if ((has_all || host->has_scope(ctx, tools[i].scope, 0)) &&
            (!tools[i].least[0] || chat_version_reaches(version, tools[i].least)))
            offered |= 1u << i;
    return offered;
}

/** The next letter that counts, in small. */
static char next_letter(aigw_str *name)
{
    while (name->len) {
        char c = *name->ptr++;

        name->len--;
        if (c >= 'A' && c <= 'Z')
            return (char)(c + ('a' - 'A'));
        if (c != '_' && c != ' ' && c != '-')
            return c;
    }
    return '\0';
}

static bool is_same(aigw_str a, aigw_str b)
{
    char c;

    do {
        c = next_letter(&a);
        if (c != next_letter(&b))
            return false;
    } while (c);
    return !a.len && !b.len;
}

uint32_t chat_tool_find(aigw_str name)
{
    uint32_t i = 0;

    while (i < CHAT_TOOLS && !is_same(name, tools[i].name))
        i++;
    return i;
}

bool chat_tool_is_answer(aigw_str name)
{
    return is_same(name, AIGW_STR("DirectAnswer"));
}
