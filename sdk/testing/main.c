/* main.c - aigw_conformance: check a plugin from outside, and run its case files. */
#include <stdio.h>
#include <string.h>

#include <aigw/testing.h>

static void usage(FILE *out)
{
    fprintf(out,
            "usage: aigw_conformance [--settings <text>] <plugin.so> [<file.case> ...]\n"
            "       aigw_conformance --help | --help-cases\n"
            "\n"
            "Loads the plugin as the server would, checks the rules of the SDK headers, runs the case files.\n"
            "Exit status 0: nothing was found, 1: findings, on standard error, 2: called wrongly.\n"
            "\n"
            "  --settings <text>  what a conf.d group would say, for the checks: 'api_key = \"k\";'. Without it what\n"
            "                     is required gets a harmless value. Case files have settings of their own.\n"
            "  --help-cases       the sections that a case file may have\n");
}

int main(int argc, char **argv)
{
    const char *settings = NULL;
    int at = 1, findings;

    if (argc > at && strcmp(argv[at], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    if (argc > at && strcmp(argv[at], "--help-cases") == 0) {
        aigw_testhost_help(stdout);
        return 0;
    }
    if (argc > at + 1 && strcmp(argv[at], "--settings") == 0) {
        settings = argv[at + 1];
        at += 2;
    }
    if (argc <= at || argv[at][0] == '-') {
        usage(stderr);
        return 2;
    }
    const char *plugin = argv[at++];

    findings = aigw_testhost_conformance(plugin, settings);
    for (; at < argc; at++) {
        int found = aigw_testhost_run_cases(plugin, argv[at]);

        printf("%s: %s\n", argv[at], found == 0 ? "ok" : "FAILED");
        findings += found;
    }
    if (findings > 0)
        fprintf(stderr, "%d finding%s\n", findings, findings == 1 ? "" : "s");
    else
        printf("%s: conforms\n", plugin);
    return findings > 0;
}
