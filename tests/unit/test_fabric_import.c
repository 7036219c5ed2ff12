/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* That what is imported plans to no change is tests/command/test_import.py's. */
#include "unit/test.h"

#include <fabricnet/fabric.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char hub[] = "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nAddress = 10.9.0.1/24\nListenPort = 51820\n"
                          "[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\nAllowedIPs = 10.9.0.2/32, 192.168.8.0/24\n"
                          "[Peer]\nPublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=\nAllowedIPs = 192.168.20.0/24\n";

static void a_file_becomes_a_fabric_that_loads(void **state)
{
        char folder[] = "/tmp/fabric-XXXXXX", path[64], secret[96], name[64], *text = NULL;
        const char *files[] = {path};
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        struct stat status;
        FILE *file;

        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/wg0.conf", folder);
        snprintf(name, sizeof(name), "%s/fabric.json", folder);
        snprintf(secret, sizeof(secret), "%s/secrets/hub-wg0.key", folder);
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(hub, file);
        fclose(file);
        chmod(path, 0600);
        assert_ok(*state, fbn_fabric_import(*state, FBN_OPTIONS(fbn_fabric_import_options, .host = "Hub", .folder = folder, .files = files, .n_files = 1), &text));
        assert_null(strstr(text, "yAnz5TF"));
        assert_int_equal(stat(secret, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        assert_ok(*state, fbn_fabric_load(*state, name, text, &fabric));
        assert_int_equal(fbn_fabric_host_count(fabric), 3);
        assert_non_null(strstr(text, "\"announces\""));
        fbn_free(text);

        file = fopen(secret, "w"); /* somebody else's key is not written over */
        fputs("TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=\n", file);
        fclose(file);
        text = NULL;
        assert_failed(*state, fbn_fabric_import(*state, FBN_OPTIONS(fbn_fabric_import_options, .host = "hub", .folder = folder, .files = files, .n_files = 1), &text),
                      FBN_EEXIST, "there is another key in it already");
        assert_null(text);
        unlink(secret);
        snprintf(secret, sizeof(secret), "%s/secrets", folder);
        rmdir(secret);
        unlink(path);
        rmdir(folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_becomes_a_fabric_that_loads),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
