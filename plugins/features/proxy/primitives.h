/* primitives.h - the unit primitives that GitLab knows, and which of them may be used with the proxies. */
#ifndef PROXY_PRIMITIVES_H
#define PROXY_PRIMITIVES_H

#include <stdbool.h>

static const struct {
    const char *name;
    bool is_usable;
} proxy_primitives[] = {
    { "ai_gateway_model_provider_proxy", true },
    { "amazon_q_integration", false },
    { "ask_build", true },
    { "ask_commit", true },
    { "ask_epic", true },
    { "ask_issue", true },
    { "ask_merge_request", true },
    { "ask_work_item", true },
    { "categorize_duo_chat_question", true },
    { "code_suggestions", false },
    { "complete_code", false },
    { "documentation_search", true },
    { "duo_agent_platform", false },
    { "duo_chat", true },
    { "duo_classic_chat", false },
    { "duo_workflow_execute_workflow", false },
    { "duo_workflow_generate_token", false },
    { "explain_code", true },
    { "explain_vulnerability", true },
    { "feature_discovery_search", false },
    { "fill_in_merge_request_template", true },
    { "fix_code", true },
    { "generate_code", false },
    { "generate_commit_message", true },
    { "generate_cube_query", true },
    { "generate_embeddings_codebase", false },
    { "generate_issue_description", true },
    { "glab_ask_git_command", true },
    { "include_agent_user_environment_context", false },
    { "include_dependency_context", false },
    { "include_directory_context", false },
    { "include_file_context", false },
    { "include_issue_context", false },
    { "include_local_git_context", false },
    { "include_merge_request_context", false },
    { "include_os_information_context", false },
    { "include_repository_context", false },
    { "include_snippet_context", false },
    { "include_terminal_context", false },
    { "measure_comment_temperature", true },
    { "refactor_code", true },
    { "resolve_vulnerability", true },
    { "review_merge_request", true },
    { "semantic_search_issue", true },
    { "summarize_comments", true },
    { "summarize_issue_discussions", true },
    { "summarize_merge_request", true },
    { "summarize_new_merge_request", true },
    { "summarize_review", true },
    { "summarize_submitted_review", true },
    { "troubleshoot_job", true },
    { "write_tests", true },
};

#endif
