/* plan.c - settings and files → where keys come from. The order is that of AWS's own programs: keys of the settings, a
 * profile that was named, web identity, the profile "default", the container, the instance. Nothing is asked here but
 * files, which are small and local. */
#include "aws.h"

#include "../file/file.h"

#include <string.h>

static bool is_set(const char *text)
{
    return text && text[0];
}

/* ---- profiles ---- */

/* Both files, while the way to keys is being made of them: they hold secrets that are not ours to keep. */
struct planning {
    const struct aigw_host *host;
    struct aigw_ctx *ctx;
    const struct aws_source *source;
    char *texts[2]; /* config, credentials */
    size_t lens[2];
    struct aws_plan *plan;
};

static void read_profiles(struct planning *p)
{
    const char *home = is_set(p->source->home) ? p->source->home : NULL;
    const char *paths[] = { p->source->config_file, p->source->credentials_file };
    static const char *const names[] = { "config", "credentials" };

    for (int i = 0; i < 2; i++) {
        const char *path = is_set(paths[i]) ? paths[i] : NULL, *why = NULL;

        if (path && home && strncmp(path, "~/", 2) == 0)
            path = p->host->format(p->ctx, AIGW_LIFE_BUILD, "%s/%s", home, path + 2);
        else if (!path && home)
            path = p->host->format(p->ctx, AIGW_LIFE_BUILD, "%s/.aws/%s", home, names[i]);

        if (path)
            p->texts[i] = file_read(path, &p->lens[i], &why);
        if (path && !p->texts[i] && why != file_is_missing &&
            (is_set(paths[i]) || is_set(p->source->profile))) /* else nobody asked for that file */
            p->plan->problem = p->host->format(p->ctx, AIGW_LIFE_BUILD, "cannot read \"%s\": %s", path, why);
    }
}

static void forget_profiles(struct planning *p)
{
    for (int i = 0; i < 2; i++)
        file_free(p->texts[i], p->lens[i]);
}

static aigw_str text_of(const struct planning *p, bool is_config)
{
    return (aigw_str){ p->texts[is_config ? 0 : 1], p->lens[is_config ? 0 : 1] };
}

/* A copy: the files go. */
static aigw_str get(const struct planning *p, aigw_str profile, const char *key)
{
    aigw_str value = aws_profile_get(text_of(p, false), profile, false, key);
    const char *copy;

    if (value.len == 0)
        value = aws_profile_get(text_of(p, true), profile, true, key);
    copy = value.len > 0 ? wire_join(p->host, p->ctx, value, AIGW_STR_NONE) : NULL;
    return copy ? (aigw_str){ copy, value.len } : AIGW_STR_NONE;
}

static aigw_status no_way(struct planning *p, aigw_str profile, const char *what)
{
    p->plan->problem = p->host->format(p->ctx, AIGW_LIFE_BUILD, "profile \"%.*s\" %s", AIGW_STR_ARG(profile), what);
    return p->plan->problem ? AIGW_E_NOT_FOUND : AIGW_E_NOMEM;
}

static aigw_status from_credential_source(struct planning *p, aigw_str profile, aigw_str word)
{
    const struct aws_source *source = p->source;

    if (wire_is(word, "Ec2InstanceMetadata"))
        p->plan->origin = AWS_FROM_METADATA;
    else if (wire_is(word, "EcsContainer"))
        p->plan->origin = AWS_FROM_CONTAINER;
    else if (!wire_is(word, "Environment"))
        return no_way(p, profile,
                      "has neither source_profile nor web_identity_token_file, and its credential_source is none of "
                      "Environment, Ec2InstanceMetadata, EcsContainer");
    else if (!is_set(source->access_key_id) || !is_set(source->secret_access_key))
        return no_way(p, profile, "wants the keys of the environment, and there are none");
    else
        p->plan->keys = (struct aws_keys){ wire_str(source->access_key_id), wire_str(source->secret_access_key),
                                           wire_str(source->session_token) };
    return AIGW_OK;
}

/* The keys that stand in the profile itself; AIGW_E_NOT_FOUND without a problem when it has nothing of the kind. */
static aigw_status from_keys(struct planning *p, aigw_str profile)
{
    p->plan->keys = (struct aws_keys){ get(p, profile, "aws_access_key_id"), get(p, profile, "aws_secret_access_key"),
                                       get(p, profile, "aws_session_token") };
    p->plan->is_from_files = true;
    if (p->plan->keys.access_key_id.len > 0 && p->plan->keys.secret_access_key.len > 0)
        return AIGW_OK;
    if (get(p, profile, "sso_session").len > 0 || get(p, profile, "sso_start_url").len > 0)
        return no_way(p, profile, "uses single sign-on (SSO), which needs a person; use a role or keys");
    if (get(p, profile, "credential_process").len > 0)
        return no_way(p, profile, "names a credential_process; programs are not run here: use a role or keys");
    return AIGW_E_NOT_FOUND;
}

static aigw_status from_profile(struct planning *p, aigw_str profile, uint32_t depth)
{
    struct aws_role role = { get(p, profile, "role_arn"), get(p, profile, "role_session_name"),
                             get(p, profile, "external_id") };
    aigw_str parent = get(p, profile, "source_profile"), token_file = get(p, profile, "web_identity_token_file");
    aigw_status status;

    if (role.arn.len == 0)
        return from_keys(p, profile);
    if (get(p, profile, "mfa_serial").len > 0)
        return no_way(p, profile, "wants a code of a second factor (mfa_serial), which needs a person");
    if (depth >= AWS_ROLES_MAX)
        return no_way(p, profile, "is the fifth in a row of source_profile; are they a circle?");
    if (token_file.len > 0) {
        p->plan->origin = AWS_FROM_WEB_IDENTITY;
        p->plan->token_file = token_file;
        p->plan->token_role = role;
        return AIGW_OK;
    }
    if (parent.len == 0)
        status = from_credential_source(p, profile, get(p, profile, "credential_source"));
    else if (parent.len == profile.len && memcmp(parent.ptr, profile.ptr, profile.len) == 0)
        status = from_keys(p, profile);
    else
        status = from_profile(p, parent, depth + 1);
    if (status == AIGW_E_NOT_FOUND && !p->plan->problem)
        return no_way(p, parent, "is a source_profile without keys");
    if (status == AIGW_OK)
        p->plan->roles[p->plan->role_count++] = role;
    return status;
}

/* AIGW_E_NOT_FOUND without a problem: go on with the next place. */
static aigw_status from_named_profile(struct planning *p, const char *name)
{
    aigw_str profile = wire_str(name);

    if (!aws_profile_exists(text_of(p, false), profile, false) &&
        !aws_profile_exists(text_of(p, true), profile, true)) {
        if (!is_set(p->source->profile))
            return AIGW_E_NOT_FOUND;
        return p->plan->problem
                   ? AIGW_E_NOT_FOUND
                   : no_way(p, profile, "is in neither of the files (config_file, credentials_file, home)");
    }
    return from_profile(p, profile, 1);
}

/* ---- the whole ---- */

static aigw_status from_elsewhere(struct planning *p)
{
    const struct aws_source *source = p->source;

    if (is_set(source->container_relative_uri) || is_set(source->container_full_uri)) {
        p->plan->origin = AWS_FROM_CONTAINER;
        return AIGW_OK;
    }
    if (!source->metadata_disabled) {
        p->plan->origin = AWS_FROM_METADATA;
        return AIGW_OK;
    }
    if (!p->plan->problem)
        p->plan->problem = "there are no AWS credentials: set AWS_BEARER_TOKEN_BEDROCK, AWS_ACCESS_KEY_ID and "
                           "AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE";
    return AIGW_E_NOT_FOUND;
}

static aigw_status find_origin(struct planning *p)
{
    const struct aws_source *source = p->source;
    bool has_id = is_set(source->access_key_id), has_secret = is_set(source->secret_access_key);
    bool is_named = is_set(source->profile);
    aigw_status status = AIGW_E_NOT_FOUND;

    if (has_id != has_secret) {
        p->plan->problem = has_id ? "there is an AWS access key id without its secret access key"
                                  : "there is an AWS secret access key without its access key id";
        return AIGW_E_NOT_FOUND;
    }
    if (has_id) {
        p->plan->keys = (struct aws_keys){ wire_str(source->access_key_id), wire_str(source->secret_access_key),
                                           wire_str(source->session_token) };
        return AIGW_OK;
    }
    read_profiles(p);
    if (is_named)
        status = from_named_profile(p, source->profile);
    if (status != AIGW_E_NOT_FOUND || (is_named && p->plan->problem))
        return status;
    if (is_set(source->web_identity_token_file) && is_set(source->web_identity_role_arn)) {
        p->plan->origin = AWS_FROM_WEB_IDENTITY;
        p->plan->token_file = wire_str(source->web_identity_token_file);
        p->plan->token_role.arn = wire_str(source->web_identity_role_arn);
        p->plan->token_role.session_name = wire_str(source->role_session_name);
        return AIGW_OK;
    }
    if (!is_named)
        status = from_named_profile(p, "default");
    if (status != AIGW_E_NOT_FOUND || p->plan->problem)
        return status;
    p->plan->is_from_files = false;
    return from_elsewhere(p);
}

aigw_status aws_make_plan(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source,
                          struct aws_plan *ret_plan)
{
    struct planning p = { .host = host, .ctx = ctx, .source = source, .plan = ret_plan };
    aigw_status status;

    *ret_plan = (struct aws_plan){ .origin = AWS_FROM_KEYS };
    status = find_origin(&p);
    forget_profiles(&p);
    if (status != AIGW_OK)
        return status;
    ret_plan->problem = NULL;
    if (is_set(source->role_arn) && ret_plan->role_count < AWS_ROLES_MAX)
        ret_plan->roles[ret_plan->role_count++] =
            (struct aws_role){ wire_str(source->role_arn), wire_str(source->role_session_name),
                               wire_str(source->external_id) };
    return AIGW_OK;
}

bool aws_has_static_keys(const struct aws_source *source)
{
    return is_set(source->access_key_id) && is_set(source->secret_access_key) && !is_set(source->role_arn);
}

const char *aws_source_words(const struct aws_source *source)
{
    if (is_set(source->access_key_id) || is_set(source->secret_access_key))
        return "AWS role";
    if (is_set(source->profile))
        return "AWS profile";
    if (is_set(source->web_identity_token_file) && is_set(source->web_identity_role_arn))
        return "AWS web identity";
    if (is_set(source->container_relative_uri) || is_set(source->container_full_uri))
        return "AWS keys of the container";
    return "AWS profile default or instance metadata, for want of other AWS credentials";
}

aigw_str aws_profile_region(const struct aigw_host *host, struct aigw_ctx *ctx, const struct aws_source *source)
{
    struct aws_plan plan = { .origin = AWS_FROM_KEYS };
    struct planning p = { .host = host, .ctx = ctx, .source = source, .plan = &plan };
    aigw_str region;

    read_profiles(&p);
    region = get(&p, is_set(source->profile) ? wire_str(source->profile) : AIGW_STR("default"), "region");
    forget_profiles(&p);
    return region;
}
