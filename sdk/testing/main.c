/* main.c - aigw_conformance: check a plugin from outside, and run its case files.
 *
 *     aigw_conformance plugin.so [file.case …]
 */
#include <stdio.h>

#include <aigw/testing.h>

int main(int argc, char **argv)
{
    int findings;

    if (argc < 2) {
        fprintf(stderr, "usage: aigw_conformance <plugin.so> [<file.case> ...]\n"
                        "Loads the plugin as the server would, checks the rules of the SDK headers, runs the case "
                        "files. Exit status 0: nothing was found.\n");
        return 2;
    }
    findings = aigw_testhost_conformance(argv[1]);
    for (int i = 2; i < argc; i++) {
        int found = aigw_testhost_run_cases(argv[1], argv[i]);

        printf("%s: %s\n", argv[i], found == 0 ? "ok" : "FAILED");
        findings += found;
    }
    if (findings > 0)
        fprintf(stderr, "%d finding%s\n", findings, findings == 1 ? "" : "s");
    else
        printf("%s: conforms\n", argv[1]);
    return findings > 0;
}
