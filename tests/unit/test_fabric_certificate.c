/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "fabric/services.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* openssl req -x509 -days 30: its times are UTCTime. */
static const char soon[] =
        "-----BEGIN CERTIFICATE-----\n"
        "MIIBcjCCARegAwIBAgIUdjbEOoHdJmlHwwu0CPQNZA/zevowCgYIKoZIzj0EAwIw\n"
        "DjEMMAoGA1UEAwwDdXRjMB4XDTI2MTEzMDAzMTIwNFoXDTI2MTIzMDAzMTIwNFow\n"
        "DjEMMAoGA1UEAwwDdXRjMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeoTuH06g\n"
        "vqdw9y2OVok7oT+LTvXI0MQegAzPsLe32TNVdn/mP5XmIXdqKAdEo+lSsHvJnvdg\n"
        "Zomx2g1chEZm0KNTMFEwHQYDVR0OBBYEFA8l/vvxjbODnnZ/lVSG+RMBfxHqMB8G\n"
        "A1UdIwQYMBaAFA8l/vvxjbODnnZ/lVSG+RMBfxHqMA8GA1UdEwEB/wQFMAMBAf8w\n"
        "CgYIKoZIzj0EAwIDSQAwRgIhAOLkCesanl3M6bNjIdnVOVYxUYnohGlQEa5TjQJz\n"
        "9T6NAiEA6NJTFNJQRiqOi6AxQ83ve8mfziXFQUZU8t8hA7G8ebE=\n"
        "-----END CERTIFICATE-----\n";
/* The same with -days 20000: beyond 2049 they are GeneralizedTime. */
static const char late[] =
        "-----BEGIN CERTIFICATE-----\n"
        "MIIBgzCCASmgAwIBAgIUZIi2ACFg7ya2UNxmUMhB9aQIRCYwCgYIKoZIzj0EAwIw\n"
        "FjEUMBIGA1UEAwwLZ2VuZXJhbGl6ZWQwIBcNMjYxMTMwMDMxMjA0WhgPMjA4MTA5\n"
        "MDIwMzEyMDRaMBYxFDASBgNVBAMMC2dlbmVyYWxpemVkMFkwEwYHKoZIzj0CAQYI\n"
        "KoZIzj0DAQcDQgAE3WhflfS7x72/0E30HZAh8jtF0K4s4efC1Ssbc8Zdz8DFreGX\n"
        "SXRWXbFRdFzRIsjiF7tv99o7aLYDHZdXRGy0faNTMFEwHQYDVR0OBBYEFGtzJkSt\n"
        "q3tnf/LpHV7P+8dvhH65MB8GA1UdIwQYMBaAFGtzJkStq3tnf/LpHV7P+8dvhH65\n"
        "MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAOH4n9qxgtYO5ymZ\n"
        "hKCgTE+e30/OWFgkEnm4VwrSyIdrAiAqbh06un6aqLyl30cbajZRXXPWHf8YJWei\n"
        "QGtb+jTWVg==\n"
        "-----END CERTIFICATE-----\n";

static void the_end_of_a_certificate_is_read(void **state)
{
        int64_t end = 0;

        assert_int_equal(certificate_text_end(soon, &end), 0);
        assert_int_equal(end, 1798600324); /* date -u -d "$(openssl x509 -noout -enddate | cut -d= -f2)" +%s */
        assert_int_equal(certificate_text_end(late, &end), 0);
        assert_int_equal(end, 3524008324);
}

static void what_is_cut_anywhere_is_none(void **state)
{
        char text[sizeof(soon)];
        int64_t end = 7;

        for (size_t length = 0; length < sizeof(soon) - strlen("-END CERTIFICATE-----\n") - 6; length++) {
                memcpy(text, soon, length);
                text[length] = 0;
                assert_int_equal(certificate_text_end(text, &end), -FBN_EINVAL);
        }
        assert_int_equal(end, 7);
        assert_int_equal(certificate_text_end("-----BEGIN CERTIFICATE-----\nMIIB!\n-----END CERTIFICATE-----\n", &end), -FBN_EINVAL);
        assert_int_equal(certificate_text_end("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", &end), -FBN_EINVAL);
        assert_int_equal(certificate_text_end("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", &end), -FBN_EINVAL);
}

static void a_file_is_named_if_it_holds_none(void **state)
{
        char path[] = "/tmp/fabricnet-certificate-XXXXXX";
        int fd = mkstemp(path);
        int64_t end = 0;

        assert_int_equal(write(fd, soon, strlen(soon)), (ssize_t)strlen(soon));
        assert_ok(*state, certificate_end(*state, path, &end));
        assert_int_equal(end, 1798600324);
        assert_int_equal(ftruncate(fd, 40), 0);
        assert_int_equal(certificate_end(*state, path, &end), -FBN_EINVAL);
        assert_non_null(strstr(fbn_context_error(*state), path));
        close(fd);
        unlink(path);
        assert_int_equal(certificate_end(*state, path, &end), -FBN_ENOENT);
}

static void only_services_of_this_host_have_certificates_to_get(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;

        assert_ok(*state, fbn_fabric_load(*state, "f.json", "{\"fabric\": 1, \"name\": \"f\", \"prefixes\": {}, \"hosts\": {\"a\": {}},"
                                          " \"certificates\": {\"c\": {\"files\": {\"certificate\": \"/a\", \"key\": \"/b\"}}},"
                                          " \"services\": {\"x.example.net\": {\"at\": \"a\", \"to\": \"a:80\", \"certificate\": \"c\"}}}", &fabric));
        assert_int_equal(fbn_fabric_certificates(*state, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "a"), NULL), -FBN_ENOENT);
        assert_non_null(strstr(fbn_context_error(*state), "no service at 'a' has one that is to be got"));
        assert_int_equal(fbn_fabric_certificates(*state, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "b"), NULL), -FBN_EINVAL);
        assert_int_equal(fbn_fabric_certificates(*state, fabric, NULL, NULL), -FBN_EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_end_of_a_certificate_is_read),
                cmocka_unit_test(what_is_cut_anywhere_is_none),
                cmocka_unit_test(a_file_is_named_if_it_holds_none),
                cmocka_unit_test(only_services_of_this_host_have_certificates_to_get),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
