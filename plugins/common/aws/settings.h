/* settings.h - the settings that say where a provider on AWS gets its keys: rows for its table of settings. */
#ifndef PLUGIN_AWS_SETTINGS_H
#define PLUGIN_AWS_SETTINGS_H

#include "aws.h"

#define AWS_SETTING(state, before, place, member, kind, bits, text, words) \
    { \
        .name = before #member, .type = (kind), .flags = (bits), .offset = offsetof(state, place.member), \
        .default_value = (text), .help = (words) \
    }
#define AWS_TEXT(state, before, place, member, words) \
    AWS_SETTING(state, before, place, member, AIGW_SET_STRING, 0, NULL, words)
#define AWS_SECRET(state, before, place, member, words) \
    AWS_SETTING(state, before, place, member, AIGW_SET_STRING, AIGW_SETF_SECRET, NULL, words)

/** Rows for a state whose member `place` is a `struct aws_source`; `before` begins their names, "" for nothing. */
#define AWS_SETTINGS(state, before, place) \
    AWS_TEXT(state, before, place, access_key_id, \
             "Access key id of AWS. With secret_access_key it is used before all else."), \
        AWS_SECRET(state, before, place, secret_access_key, "Secret access key of AWS."), \
        AWS_SECRET(state, before, place, session_token, "Session token, for temporary keys."), \
        AWS_TEXT(state, before, place, profile, "Profile in the files of the AWS command line. Default: default."), \
        AWS_TEXT(state, before, place, config_file, "Path of that config file. Default: .aws/config below home."), \
        AWS_TEXT(state, before, place, credentials_file, \
                 "Path of that credentials file. Default: .aws/credentials below home."), \
        AWS_TEXT(state, before, place, home, "Home folder, for these two files."), \
        AWS_TEXT(state, before, place, role_arn, "ARN of a role to assume with the keys that were found."), \
        AWS_TEXT(state, before, place, role_session_name, \
                 "Name of the session when a role is assumed. Default: aigw."), \
        AWS_SECRET(state, before, place, external_id, "External id that the role's trust policy asks for."), \
        AWS_TEXT(state, before, place, web_identity_token_file, \
                 "File with an OpenID Connect token; it is read again each time."), \
        AWS_TEXT(state, before, place, web_identity_role_arn, "ARN of the role that this token stands for."), \
        AWS_TEXT(state, before, place, container_relative_uri, "Path at 169.254.170.2 that hands out keys (ECS)."), \
        AWS_TEXT(state, before, place, container_full_uri, \
                 "URL that hands out keys (EKS): https, or this machine or container host."), \
        AWS_SECRET(state, before, place, container_token, "Authorization for that URL."), \
        AWS_TEXT(state, before, place, container_token_file, \
                 "File with that authorization; it is read again each time."), \
        AWS_SETTING(state, before, place, metadata_endpoint, AIGW_SET_STRING, AIGW_SETF_URL, "http://169.254.169.254", \
                    "URL of the instance metadata (EC2, version 2)."), \
        AWS_SETTING(state, before, place, metadata_disabled, AIGW_SET_BOOL, 0, "false", \
                    "Never ask the instance metadata."), \
        AWS_SETTING(state, before, place, sts_endpoint, AIGW_SET_STRING, AIGW_SETF_URL, NULL, \
                    "URL of the Security Token Service. Default: the region's own."), \
        AWS_SETTING(state, before, place, use_fips, AIGW_SET_BOOL, 0, "false", \
                    "Use endpoints with FIPS 140 cryptography.")

#endif
