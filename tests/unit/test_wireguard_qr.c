/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <dlfcn.h>
#include <fabricnet/wireguard.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a program that reads QR codes (zbarimg) finds in our drawings is what wg-quick would be given. */

#undef fail

#define PRIVATE "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define PRESHARED "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE="
#define PEER "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ="
#define QUIET 4

/* In front of the C library's, to play a machine without libqrencode. */
static bool no_library;

void *dlopen(const char *file, int mode)
{
        void *(*real)(const char *file, int mode) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");

        return no_library ? NULL : real(file, mode);
}

static char directory[] = "/tmp/fabricnet-qr-XXXXXX";

#define PHONE "[Interface]\nPrivateKey = " PRIVATE "\nAddress = 10.0.0.20/32, fd00::20/128\nDNS = 10.0.0.1, example.org\nMTU = 1280\n" \
              "[Peer]\nPublicKey = " PEER "\nPresharedKey = " PRESHARED "\nAllowedIPs = 0.0.0.0/0, ::/0\n"                           \
              "Endpoint = vpn.example.org:51820\nPersistentKeepalive = 25\n"

/* What a phone refuses, and what makes the code larger without need. */
#define LAPTOP "# my laptop\n[Interface]\nTable = off\nPostUp = true\nFwMark = 7\nSaveConfig = false\nOdd = key\n" \
               "PrivateKey = " PRIVATE "\nAddress = 10.0.0.20, fd00::20\nDNS = 10.0.0.1, example.org\nMTU = 1280\n" \
               "\n# home\n[Peer] # vps\nEndpoint = vpn.example.org:51820\nPublicKey = " PEER "\nPresharedKey = " PRESHARED \
               "\nAllowedIPs = 0.0.0.0/0, ::/0\nPersistentKeepalive = 25\n"

static fbn_secret *drawn(fbn_context *c, const char *text, const char *format)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        fbn_secret *drawing = NULL;

        assert_ok(c, fbn_wireguard_parse(c, "phone.conf", text, &wireguard));
        assert_ok(c, fbn_wireguard_format(c, wireguard, format, &drawing));
        return drawing;
}

/* Modules, 1 is dark, with the quiet zone. */
struct picture {
        size_t width;
        uint8_t dark[200][200];
};

/* What a terminal shows: each character is two modules, and foreground is dark. */
static struct picture *picture_of_text(const fbn_secret *drawing)
{
        static const char *const glyphs[] = {" ", "\u2580", "\u2584", "\u2588"}; /* bit 0: the upper one */
        static const char start[] = "\033[38;5;16;48;5;231m", end[] = "\033[0m\n";
        struct picture *picture = calloc(1, sizeof(*picture));
        const char *at = fbn_secret_bytes(drawing), *stop = at + fbn_secret_length(drawing);

        for (size_t y = 0; at < stop; y += 2) {
                assert_memory_equal(at, start, sizeof(start) - 1);
                at += sizeof(start) - 1;
                for (picture->width = 0; *at != '\033'; picture->width++) {
                        size_t glyph = 0;

                        while (strncmp(at, glyphs[glyph], strlen(glyphs[glyph])) != 0)
                                assert_true(++glyph < ARRAY_SIZE(glyphs));
                        at += strlen(glyphs[glyph]);
                        picture->dark[y][picture->width] = glyph & 1;
                        picture->dark[y + 1][picture->width] = glyph >> 1;
                }
                assert_memory_equal(at, end, sizeof(end) - 1);
                at += sizeof(end) - 1;
        }
        return picture;
}

static struct picture *picture_of_svg(const fbn_secret *drawing)
{
        struct picture *picture = calloc(1, sizeof(*picture));
        char *text = strndup(fbn_secret_bytes(drawing), fbn_secret_length(drawing));
        const char *at = strstr(text, "viewBox=\"0 0 ");
        size_t x, y, length;
        int used;

        assert_non_null(at);
        picture->width = (size_t)atoi(at + 13);
        at = strstr(text, "fill=\"#000\" d=\"");
        assert_non_null(at);
        for (at += 15; sscanf(at, "M%zu %zuh%zuv1h-%*uz%n", &x, &y, &length, &used) == 3; at += used)
                for (size_t i = 0; i < length; i++)
                        picture->dark[y][x + i] = 1;
        assert_string_equal(at, "\"/>\n</svg>\n");
        free(text);
        return picture;
}

static const char *file_of(const char *name, const void *bytes, size_t length)
{
        static char path[128];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, length, file), length);
        fclose(file);
        return path;
}

/* Eight grey pixels a module. */
static const char *file_of_picture(const struct picture *picture)
{
        size_t side = picture->width * 8, length = (size_t)snprintf(NULL, 0, "P5 %zu %zu 255\n", side, side);
        char *bytes = malloc(length + side * side + 1);
        const char *path;

        sprintf(bytes, "P5 %zu %zu 255\n", side, side);
        for (size_t i = 0; i < side * side; i++)
                bytes[length + i] = picture->dark[i / side / 8][i % side / 8] ? 0 : (char)255;
        path = file_of("picture.pgm", bytes, length + side * side);
        free(bytes);
        return path;
}

static void assert_says(const char *path, const char *expected)
{
        char command[256], text[4096];
        size_t length;
        FILE *from;

        snprintf(command, sizeof(command), "zbarimg --nodbus --quiet --raw -S*.disable -Sqrcode.enable %s", path);
        from = popen(command, "r");
        assert_non_null(from);
        length = fread(text, 1, sizeof(text) - 1, from);
        assert_int_equal(pclose(from), 0);
        assert_true(length > 0 && text[length - 1] == '\n'); /* zbarimg's own */
        text[length - 1] = 0;
        assert_string_equal(text, expected);
}

static void assert_quiet(const struct picture *picture)
{
        for (size_t y = 0; y < picture->width; y++)
                for (size_t x = 0; x < picture->width; x++)
                        if (MIN(x, y) < QUIET || MAX(x, y) >= picture->width - QUIET)
                                assert_int_equal(picture->dark[y][x], 0);
        assert_int_equal(picture->dark[QUIET][QUIET], 1); /* a finder's corner */
}

static void a_phone_reads_the_terminal(void **state)
{
        FBN_CLEANUP(fbn_secret) drawing = drawn(*state, LAPTOP, "qr-text");
        struct picture *picture = picture_of_text(drawing);

        assert_true(picture->width <= 80);
        assert_quiet(picture);
        assert_says(file_of_picture(picture), PHONE);
        free(picture);
}

static void a_phone_reads_the_svg(void **state)
{
        FBN_CLEANUP(fbn_secret) drawing = drawn(*state, LAPTOP, "qr-svg");
        struct picture *picture = picture_of_svg(drawing);

        assert_quiet(picture);
        assert_says(file_of_picture(picture), PHONE);
        free(picture);
}

static void a_phone_reads_the_png(void **state)
{
        FBN_CLEANUP(fbn_secret) drawing = drawn(*state, LAPTOP, "qr-png");

        assert_says(file_of("qr.png", fbn_secret_bytes(drawing), fbn_secret_length(drawing)), PHONE);
}

static char *with_allowed_ips(unsigned count)
{
        char *text = malloc(65536), *end = text;

        end += sprintf(end, "[Interface]\nPrivateKey = " PRIVATE "\n[Peer]\nPublicKey = " PEER "\nAllowedIPs = 10.0.0.0/24");
        for (unsigned i = 1; i < count; i++)
                end += sprintf(end, ", 10.%u.%u.0/24", i / 256, i % 256);
        strcpy(end, "\n");
        return text;
}

/* Of more than 65,535 bytes of pixels, which are two blocks of deflate, and the largest there is. */
static void large_ones_are_read_too(void **state)
{
        for (unsigned count = 40; count < 200; count += 120) {
                char *text = with_allowed_ips(count);
                FBN_CLEANUP(fbn_secret) drawing = drawn(*state, text, "qr-png");

                assert_true(fbn_secret_length(drawing) > 65536);
                assert_says(file_of("large.png", fbn_secret_bytes(drawing), fbn_secret_length(drawing)), text);
                free(text);
        }
}

static void what_does_not_fit_is_said_with_its_size(void **state)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        fbn_secret *drawing = NULL;
        char *text = with_allowed_ips(250), error[64];

        assert_ok(*state, fbn_wireguard_parse(*state, "phone.conf", text, &wireguard));
        snprintf(error, sizeof(error), "%zu bytes are too many for a QR code, which holds 2953", strlen(text));
        assert_failed(*state, fbn_wireguard_format(*state, wireguard, "qr-png", &drawing), FBN_EINVAL, error);
        assert_null(drawing);
        free(text);
}

static void a_phone_needs_the_private_key(void **state)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        fbn_secret *drawing = NULL;

        assert_ok(*state, fbn_wireguard_parse(*state, "phone.conf", "[Peer]\nPublicKey = " PEER "\n", &wireguard));
        assert_failed(*state, fbn_wireguard_format(*state, wireguard, "qr-text", &drawing), FBN_EINVAL, "without the interface's private key");
}

static void a_machine_without_the_library_is_told_what_to_install(void **state)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        fbn_secret *drawing = NULL;
        int r;

        assert_ok(*state, fbn_wireguard_parse(*state, "phone.conf", PHONE, &wireguard));
        no_library = true;
        r = fbn_wireguard_format(*state, wireguard, "qr-text", &drawing);
        no_library = false;
        assert_failed(*state, r, FBN_EUNSUPPORTED, "libqrencode is not installed: apt-get install libqrencode4");
        assert_null(drawing);
}

static int setup(void **state)
{
        return mkdtemp(directory) ? context_setup(state) : -1;
}

static int teardown(void **state)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", directory);
        return system(command) || context_teardown(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_phone_reads_the_terminal),
                cmocka_unit_test(a_phone_reads_the_svg),
                cmocka_unit_test(a_phone_reads_the_png),
                cmocka_unit_test(large_ones_are_read_too),
                cmocka_unit_test(what_does_not_fit_is_said_with_its_size),
                cmocka_unit_test(a_phone_needs_the_private_key),
                cmocka_unit_test(a_machine_without_the_library_is_told_what_to_install),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
