/* settings.h - the settings that say where a provider on AWS gets its keys: rows for its table of settings. */
#ifndef PLUGIN_AWS_SETTINGS_H
#define PLUGIN_AWS_SETTINGS_H

#include "aws.h"

#define AWS_SETTING(state, member, kind, bits, text, words) \
    { \
        .name = #member, .type = (kind), .flags = (bits), .offset = offsetof(state, source.member), \
        .default_value = (text), .help = (words) \
    }
#define AWS_TEXT(state, member, words)   AWS_SETTING(state, member, AIGW_SET_STRING, 0, NULL, words)
#define AWS_SECRET(state, member, words) AWS_SETTING(state, member, AIGW_SET_STRING, AIGW_SETF_SECRET, NULL, words)

/** Rows for a state that has a `struct aws_source source`. */
#define AWS_SETTINGS(state) \
    AWS_TEXT(state, access_key_id, "Access key id of AWS. With secret_access_key it is used before all else."), \
        AWS_SECRET(state, secret_access_key, "Secret access key of AWS."), \
        AWS_SECRET(state, session_token, "Session token, for temporary keys."), \
        AWS_TEXT(state, profile, "Profile in the files of the AWS command line. Default: default."), \
        AWS_TEXT(state, config_file, "Path of that config file. Default: .aws/config below home."), \
        AWS_TEXT(state, credentials_file, "Path of that credentials file. Default: .aws/credentials below home."), \
        AWS_TEXT(state, home, "Home folder, for these two files."), \
        AWS_TEXT(state, role_arn, "ARN of a role to assume with the keys that were found."), \
        AWS_TEXT(state, role_session_name, "Name of the session when a role is assumed. Default: aigw."), \
        AWS_SECRET(state, external_id, "External id that the role's trust policy asks for."), \
        AWS_TEXT(state, web_identity_token_file, "File with an OpenID Connect token; it is read again each time."), \
        AWS_TEXT(state, web_identity_role_arn, "ARN of the role that this token stands for."), \
        AWS_TEXT(state, container_relative_uri, "Path at 169.254.170.2 that hands out keys (ECS)."), \
        AWS_TEXT(state, container_full_uri, \
                 "URL that hands out keys (EKS): https, or this machine or container host."), \
        AWS_SECRET(state, container_token, "Authorization for that URL."), \
        AWS_TEXT(state, container_token_file, "File with that authorization; it is read again each time."), \
        AWS_SETTING(state, metadata_endpoint, AIGW_SET_STRING, AIGW_SETF_URL, "http://169.254.169.254", \
                    "URL of the instance metadata (EC2, version 2)."), \
        AWS_SETTING(state, metadata_disabled, AIGW_SET_BOOL, 0, "false", "Never ask the instance metadata."), \
        AWS_SETTING(state, sts_endpoint, AIGW_SET_STRING, AIGW_SETF_URL, NULL, \
                    "URL of the Security Token Service. Default: the region's own."), \
        AWS_SETTING(state, use_fips, AIGW_SET_BOOL, 0, "false", "Use endpoints with FIPS 140 cryptography.")

#endif
