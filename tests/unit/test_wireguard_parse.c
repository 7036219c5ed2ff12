/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/wireguard.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PRIVATE "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define PRESHARED "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE="
#define PEER_1 "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ="
#define PEER_2 "IlE9Iupz8AY9vD7NdnSYFaR7lUQd0sH3Krv+VznNrwo="
#define ZERO "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const char *prefixes_text(const fbn_prefix *prefixes, size_t count)
{
        static char text[512];
        char one[FBN_ADDRESS_TEXT];

        *text = 0;
        for (size_t i = 0; i < count; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
                         fbn_prefix_format(&prefixes[i], one, sizeof(one)));
        return text;
}

static fbn_wireguard *parsed(fbn_context *c, const char *text)
{
        fbn_wireguard *wireguard = NULL;

        assert_ok(c, fbn_wireguard_parse(c, "wg0.conf", text, &wireguard));
        return wireguard;
}

static void a_file_of_wg_quick_is_read_whole(void **state)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = parsed(*state, "# the server\n"
                                                              "[Interface]\n"
                                                              "Address = 172.26.5.155/24, fd00::155/64\n"
                                                              "Address = 10.1.1.1 10.1.1.2\n"
                                                              "DNS = 192.168.8.1, local.akunito.com\n"
                                                              "MTU = 1280\nTable = off\n"
                                                              "PostUp = iptables -A FORWARD -i %i -j ACCEPT; echo [Peer]\n"
                                                              "PrivateKey = " PRIVATE "\n"
                                                              "ListenPort = 51820\nFwMark = 0xca6c\n"
                                                              "\n[Peer]\n"
                                                              "PublicKey = " PEER_1 " # router\n"
                                                              "PresharedKey = " PRESHARED "\n"
                                                              "AllowedIPs = 192.168.20.0/24, 192.168.8.77/24\n"
                                                              "AllowedIPs = 172.26.5.1, fd00::1, 192.168.8.0/24\n"
                                                              "Endpoint = 192.0.2.7:51820\nPersistentKeepalive = 25\n"
                                                              "[Peer]\nPublicKey = " PEER_2 "\n"
                                                              "Endpoint = vpn.example.org:443\nPersistentKeepalive = off\n");
        const fbn_wireguard_interface *interface = fbn_wireguard_interface_of(wireguard);
        const fbn_wireguard_peer *peer = fbn_wireguard_at(wireguard, 0);
        char text[FBN_ADDRESS_TEXT];

        assert_string_equal(prefixes_text(interface->addresses, interface->n_addresses),
                            "172.26.5.155/24 fd00::155/64 10.1.1.1/32 10.1.1.2/32");
        assert_int_equal(interface->n_dns, 2);
        assert_string_equal(interface->dns[1], "local.akunito.com");
        assert_int_equal(interface->mtu, 1280);
        assert_string_equal(interface->table, "off");
        assert_int_equal(interface->listen_port, 51820);
        assert_int_equal(interface->fwmark, 0xca6c);
        assert_int_equal(fbn_secret_length(interface->private_key), 32);
        assert_int_equal(fbn_wireguard_count(wireguard), 2);
        assert_int_equal(fbn_secret_length(peer->preshared_key), 32);
        assert_string_equal(prefixes_text(peer->allowed_ips, peer->n_allowed_ips),
                            "172.26.5.1/32 192.168.8.0/24 192.168.20.0/24 fd00::1/128");
        assert_string_equal(fbn_endpoint_format(&peer->endpoint, text, sizeof(text)), "192.0.2.7:51820");
        assert_int_equal(peer->keepalive, 25);
        peer = fbn_wireguard_at(wireguard, 1);
        assert_int_equal(peer->n_allowed_ips, 0);
        assert_int_equal(peer->endpoint.address.family, 0);
        assert_string_equal(peer->endpoint_name, "vpn.example.org:443");
        assert_int_equal(peer->keepalive, 0);
        assert_null(fbn_wireguard_at(wireguard, 2));
}

static void case_spacing_and_line_ends_do_not_matter(void **state)
{
        FBN_CLEANUP(fbn_wireguard)
        wireguard = parsed(*state, "  [ interface ]\r\n\tLISTENPORT\t=\v 5 1 8 2 0 \r\n\r\n[PEER]# the peer\r\n"
                                   "publickey=" PEER_1 "\r\nallowedips=10.0.0.0/8\t,\tfd00::/8\r\n"
                                   "Allowed IPs = 1.2.3.4\r\nendpoint= [2001:db8::1]:1 \r\n[Interface]\r\nfwmark=off\r\n"
                                   "privatekey = " PRIVATE);
        const fbn_wireguard_peer *peer = fbn_wireguard_at(wireguard, 0);
        char text[FBN_ADDRESS_TEXT];

        assert_int_equal(fbn_wireguard_interface_of(wireguard)->listen_port, 51820);
        assert_int_equal(fbn_secret_length(fbn_wireguard_interface_of(wireguard)->private_key), 32);
        assert_string_equal(prefixes_text(peer->allowed_ips, peer->n_allowed_ips), "1.2.3.4/32 10.0.0.0/8 fd00::/8");
        assert_string_equal(fbn_endpoint_format(&peer->endpoint, text, sizeof(text)), "[2001:db8::1]:1");
}

static void the_last_of_repeated_values_counts(void **state)
{
        FBN_CLEANUP(fbn_wireguard)
        wireguard = parsed(*state, "[Interface]\nListenPort=1\nListenPort=2\nFwMark=010\n[Peer]\nPublicKey=" PEER_2 "\nPublicKey=" PEER_1
                                   "\nPresharedKey=" PRESHARED "\nPresharedKey=" ZERO "\nEndpoint=a.b:1\nEndpoint=[fe80::1%eth0]:2\n");
        const fbn_wireguard_peer *peer = fbn_wireguard_at(wireguard, 0);
        char text[FBN_KEY_TEXT];

        assert_int_equal(fbn_wireguard_interface_of(wireguard)->listen_port, 2);
        assert_int_equal(fbn_wireguard_interface_of(wireguard)->fwmark, 10);
        assert_string_equal(fbn_key_format(&peer->public_key, text, sizeof(text)), PEER_1);
        assert_null(peer->preshared_key);
        assert_string_equal(peer->endpoint_name, "[fe80::1%eth0]:2");
}

static void an_empty_text_is_an_empty_configuration(void **state)
{
        static const char *const texts[] = {"", "\n\n", "# nothing", "[Interface]", "[Interface]\nSaveConfig = true\nHorizon = 1\n"};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                FBN_CLEANUP(fbn_wireguard) wireguard = parsed(*state, texts[i]);

                assert_int_equal(fbn_wireguard_count(wireguard), 0);
                assert_null(fbn_wireguard_interface_of(wireguard)->private_key);
        }
}

#define PEER "[Peer]\nPublicKey=" PEER_1 "\n"

static void mistakes_are_named_by_line_and_column(void **state)
{
        static const struct {
                const char *text, *error;
        } bad[] = {
                {"ListenPort = 1", "wg0.conf:1:1: a key before the first section"},
                {"\n\n  [Interfce]", "wg0.conf:3:3: unknown section"},
                {"[Interface]\n  what", "wg0.conf:2:3: neither a [Section] nor KEY = VALUE"},
                {"[Interface]\n = 1", "wg0.conf:2:2: a value without a key"},
                {"[Interface]\nListenPort = 65536", "wg0.conf:2:14: '65536' is not a port: a number from 0 to 65535 or a name"},
                {"[Interface]\nListenPort =", "wg0.conf:2:13: '' is not a port"},
                {"[Interface]\r\nListenPort = -1\r\n", "wg0.conf:2:14: '-1' is not a port"},
                {"[Interface]\nMTU=67", "wg0.conf:2:5: '67' is not a number from 68 to 65535"},
                {"[Interface]\nSaveConfig = perhaps", "wg0.conf:2:14: 'perhaps' is neither true nor false"},
                {"\xef\xbb\xbf[Interface]", "wg0.conf:1:1: a byte order mark"},
                {"[Interface]\nFwMark=0x100000000", "wg0.conf:2:8: '0x100000000' is not a mark"},
                {"[Interface]\nFwMark=-1", "wg0.conf:2:8: '-1' is not a mark"},
                {"[Interface]\nFwMark=12z", "wg0.conf:2:8: '12z' is not a mark"},
                {"[Interface]\nPrivateKey = abc", "wg0.conf:2:14: not a key: 44 characters"},
                {"[Interface]\nPrivateKey = " ZERO, "wg0.conf:2:14: the private key is all zero"},
                {"[Interface]\nAddress = 10.0.0.1/24, 10.0.0.300", "wg0.conf:2:24: '10.0.0.300' is not ADDRESS/LENGTH"},
                {"[Interface]\nAddress = 10.0.0.1/24, 10.0.0.1/24", "wg0.conf:2:24: this address came before"},
                {"[Peer]\n\n[Peer]\nPublicKey=" PEER_1, "wg0.conf:1:1: this [Peer] has no PublicKey"},
                {PEER "[Peer]\nAllowedIPs = 10.0.0.0/8", "wg0.conf:3:1: this [Peer] has no PublicKey"},
                {PEER PEER, "wg0.conf:4:11: a [Peer] with this public key came before"},
                {"[Peer]\nPublicKey = " ZERO, "wg0.conf:2:13: the public key is all zero"},
                {"[Peer]\nPublicKey = x" PEER_1, "wg0.conf:2:13: not a key"},
                {"[Peer]\nPresharedKey = " PEER_1 "=", "wg0.conf:2:16: not a key"},
                {PEER "AllowedIPs = 10.0.0.0/8, 10.0.0.0/33", "wg0.conf:3:26: '10.0.0.0/33' is not ADDRESS/LENGTH"},
                {PEER "AllowedIPs = 10.0.0.0/8,, 10.0.0.0/8", "wg0.conf:3:25: '' is not ADDRESS/LENGTH"},
                {PEER "AllowedIPs = 10.0.0.0/8, -10.0.0.0/8", "wg0.conf:3:26: '-' adds to or takes from"},
                {PEER "AllowedIPs =", "wg0.conf:3:13: '' is not ADDRESS/LENGTH"},
                {PEER "AllowedIPs = +::/0", "wg0.conf:3:14: '+' adds to or takes from"},
                {PEER "AllowedIP = 10.0.0.0/8", "wg0.conf:3:1: unknown key 'AllowedIP'; AllowedIPs is the nearest that is known"},
                {PEER " alowdips = 10.0.0.0/8", "wg0.conf:3:2: unknown key 'alowdips'; AllowedIPs is"},
                {"[Interface]\nPosUp = x", "wg0.conf:2:1: unknown key 'PosUp'; PostUp is"},
                {"[Interface]\nEndpoint = 192.0.2.1:1", "wg0.conf:2:1: Endpoint belongs into [Peer]"},
                {PEER "PrivateKey = " PRIVATE, "wg0.conf:3:1: PrivateKey belongs into [Interface]"},
                {PEER "PersistentKeepalive = 65536", "wg0.conf:3:23: '65536' is not a number"},
                {PEER "Endpoint = 192.0.2.1", "wg0.conf:3:12: '192.0.2.1' is not HOST:PORT"},
                {PEER "Endpoint = 192.0.2.1:0", "wg0.conf:3:12: '192.0.2.1:0' does not end in a port"},
                {PEER "Endpoint = 192.0.2.1:nonsense", "wg0.conf:3:12: '192.0.2.1:nonsense' does not end in a port"},
                {PEER "Endpoint = 192.0.2.1:65537", "wg0.conf:3:12: '192.0.2.1:65537' does not end in a port"},
                {PEER "Endpoint = [::1:7", "wg0.conf:3:12: '[::1:7' is not HOST:PORT"},
                {PEER "Endpoint = 192.0.2.256:1", "wg0.conf:3:12: '192.0.2.256:1' is not ADDRESS:PORT"},
                {PEER "Endpoint = 2001:db8::g:1", "wg0.conf:3:12: '2001:db8::g:1' is not ADDRESS:PORT"},
                {PEER "Endpoint = [2001:db8::g]:1", "wg0.conf:3:12: '[2001:db8::g]:1' is not ADDRESS:PORT"},
                {"[Interface]\nListenPort = " PRIVATE, "wg0.conf:2:14: '(may be a key)' is not a port"},
                {PEER "AllowedIPs = " PRIVATE, "wg0.conf:3:14: '(may be a key)' is not ADDRESS/LENGTH"},
                {PEER "Endpoint = " PRIVATE, "wg0.conf:3:12: '(may be a key)' is not HOST:PORT"},
                {PEER "Endpoint = :1", "wg0.conf:3:12: ':1' is not ADDRESS:PORT"},
                {PEER "Endpoint = a\x01" "b/c:1", "wg0.conf:3:12: 'a?b/c:1' is not ADDRESS:PORT"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                fbn_wireguard *wireguard = NULL;

                assert_failed(*state, fbn_wireguard_parse(*state, "wg0.conf", bad[i].text, &wireguard), FBN_EINVAL, bad[i].error);
                assert_ptr_equal(strstr(fbn_context_error(*state), bad[i].error), fbn_context_error(*state));
                assert_null(wireguard);
        }
}

static void no_error_repeats_a_key(void **state)
{
        static const char *const texts[] = {"[Interface]\nPrivateKey = " PRIVATE "=", "PrivateKey = " PRIVATE,
                                            "[Peer]\nPublicKey = a" PRIVATE, "[Interface]\nPrivateKey " PRIVATE "\nListenPort = x"};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                fbn_wireguard *wireguard = NULL;

                assert_int_equal(fbn_wireguard_parse(*state, "f", texts[i], &wireguard), -FBN_EINVAL);
                assert_null(strstr(fbn_context_error(*state), "yAnz5"));
        }
}

struct file {
        char directory[64], path[80];
};

static void write_file(struct file *file, const void *bytes, size_t length, mode_t mode)
{
        int fd;

        if (!*file->directory) {
                strcpy(file->directory, "/tmp/fabricnet-wg-XXXXXX");
                assert_non_null(mkdtemp(file->directory));
                snprintf(file->path, sizeof(file->path), "%s/wg0.conf", file->directory);
        }
        unlink(file->path);
        fd = open(file->path, O_WRONLY | O_CREAT, 0600);
        assert_true(fd >= 0 && fchmod(fd, mode) == 0);
        assert_int_equal(write(fd, bytes, length), (ssize_t)length);
        close(fd);
}

static void files_are_refused_for_what_is_wrong_with_them(void **state)
{
        static const char with_key[] = "[Interface]\nPrivateKey = " PRIVATE "\n", without_key[] = "[Interface]\nListenPort = 1\n";
        static const char with_preshared[] = PEER "PresharedKey = " PRESHARED, locked[] = "\0GITCRYPT\0abc", binary[] = "[Interface]\nL\0x";
        struct file file = {0};
        fbn_wireguard *wireguard = NULL;

        write_file(&file, with_key, strlen(with_key), 0600);
        assert_ok(*state, fbn_wireguard_parse_file(*state, file.path, &wireguard));
        wireguard = fbn_wireguard_unref(wireguard);
        write_file(&file, without_key, strlen(without_key), 0644);
        assert_ok(*state, fbn_wireguard_parse_file(*state, file.path, &wireguard));
        wireguard = fbn_wireguard_unref(wireguard);
        write_file(&file, with_key, strlen(with_key), 0644);
        assert_failed(*state, fbn_wireguard_parse_file(*state, file.path, &wireguard), FBN_EPERM, "chmod 600");
        write_file(&file, with_preshared, strlen(with_preshared), 0604);
        assert_failed(*state, fbn_wireguard_parse_file(*state, file.path, &wireguard), FBN_EPERM, "chmod 600");
        write_file(&file, locked, sizeof(locked), 0644);
        assert_failed(*state, fbn_wireguard_parse_file(*state, file.path, &wireguard), FBN_ELOCKED, "git-crypt unlock");
        write_file(&file, binary, sizeof(binary), 0600);
        assert_failed(*state, fbn_wireguard_parse_file(*state, file.path, &wireguard), FBN_EINVAL, "wg0.conf:2:1: a zero byte");
        unlink(file.path);
        assert_failed(*state, fbn_wireguard_parse_file(*state, file.path, &wireguard), FBN_ENOENT, "no such file");
        rmdir(file.directory);
        assert_null(wireguard);
}

static void ten_thousand_peers_are_read_from_a_file(void **state)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        struct file file = {0};
        size_t length = 0, size = 4 << 20;
        char *text = malloc(size), key[FBN_KEY_TEXT];

        for (unsigned i = 1; i <= 10000; i++) {
                fbn_key public_key = {{i & 255, i >> 8}}; /* all alike but for two bytes */

                length += snprintf(text + length, size - length, "[Peer]\nPublicKey = %s\nAllowedIPs = 10.%u.%u.0/24, fd00::%x/128\n",
                                   fbn_key_format(&public_key, key, sizeof(key)), i >> 8, i & 255, i);
        }
        write_file(&file, text, length, 0644);
        free(text);
        assert_ok(*state, fbn_wireguard_parse_file(*state, file.path, &wireguard));
        assert_int_equal(fbn_wireguard_count(wireguard), 10000);
        assert_string_equal(prefixes_text(fbn_wireguard_at(wireguard, 9999)->allowed_ips, 2), "10.39.16.0/24 fd00::2710/128");
        unlink(file.path);
        rmdir(file.directory);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_of_wg_quick_is_read_whole),
                cmocka_unit_test(case_spacing_and_line_ends_do_not_matter),
                cmocka_unit_test(the_last_of_repeated_values_counts),
                cmocka_unit_test(an_empty_text_is_an_empty_configuration),
                cmocka_unit_test(mistakes_are_named_by_line_and_column),
                cmocka_unit_test(no_error_repeats_a_key),
                cmocka_unit_test(files_are_refused_for_what_is_wrong_with_them),
                cmocka_unit_test(ten_thousand_peers_are_read_from_a_file),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
