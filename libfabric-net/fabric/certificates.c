/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates of services: asked of an ACME authority by certbot, or made with the key of an authority of one's own by openssl(1). */
#include "base/file.h"
#include "base/process.h"
#include "fabric/host_files.h"
#include "fabric/services.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ACME_SECONDS 300
#define OWN_SECONDS 60
#define OWN_DAYS "90"
#define OWN_RENEW (30 * 86400) /* seconds that may be left: as certbot has it */
#define FILE_LIMIT ((size_t)1 << 20)
#define WORDS_MAX 256

struct words {
        const char *items[WORDS_MAX + 1];
        size_t n;
};

static bool word(struct words *words, const char *item)
{
        if (words->n >= WORDS_MAX)
                return false;
        words->items[words->n++] = item;
        return true;
}

static bool add_words(struct words *words, const char *const *items)
{
        while (*items && word(words, *items))
                items++;
        return !*items;
}

/* The line that says why, for certbot's last one only says where its log is: what the authority found, what is behind "error occurred:", or
 * what has an error in it. */
static const char *reason(struct process_output *output)
{
        static const char *const signs[] = {"Detail: ", "error occurred:\n", "rror"};
        const char *why = NULL;

        for (size_t i = 0; output->bytes && !why && i < ARRAY_SIZE(signs); i++) {
                why = strstr(output->bytes, signs[i]);
                if (why && signs[i][strlen(signs[i]) - 1] == '\n')
                        return why + strlen(signs[i]);
        }
        if (!why)
                return process_reason(output);
        while (why > output->bytes && why[-1] != '\n')
                why--;
        return why + strspn(why, " ");
}

static int run(fbn_context *c, const struct words *words, int timeout)
{
        _cleanup_(process_output_free) struct process_output output = {0};
        struct process process = {.arguments = words->items, .folder = "/", .timeout = timeout};
        int code = process_run(c, &process, &output);
        const char *why;

        if (code <= 0)
                return code;
        why = reason(&output);
        return fail(c, FBN_EUNAVAILABLE, "%s: %.*s", words->items[0], (int)MIN(strcspn(why, "\n"), (size_t)400), why);
}

/* All names of this host's services that have it. */
static bool add_names(struct words *words, const fbn_fabric *fabric, const struct certificate *certificate, const struct host *host)
{
        for (size_t i = 0; i < fabric->n_services; i++)
                for (size_t j = 0; fabric->services[i].at == host && fabric->services[i].certificate == certificate && j < fabric->services[i].n_names; j++)
                        if (!word(words, "-d") || !word(words, fabric->services[i].names[j]))
                                return false;
        return true;
}

/* What stands and is not due certbot keeps, without a question to the authority. */
static int ask_acme(fbn_context *c, const fbn_fabric *fabric, const struct certificate *certificate, const struct host *host)
{
        static const char *const always[] = {"certbot", "certonly", "--non-interactive", "--agree-tos", "--keep-until-expiring", "--renew-with-new-domains",
                                             "--webroot", "--webroot-path", SERVICES_ACME_ROOT, "--cert-name", NULL};
        struct words words = {.n = 0};
        bool fits = add_words(&words, always) && word(&words, certificate->name);

        if (certificate->email)
                fits = fits && word(&words, "--email") && word(&words, certificate->email);
        else
                fits = fits && word(&words, "--register-unsafely-without-email");
        if (certificate->server)
                fits = fits && word(&words, "--server") && word(&words, certificate->server);
        if (!fits || !add_names(&words, fabric, certificate, host))
                return fail(c, FBN_EINVAL, "too many names for one certificate");
        if (access(SERVICES_ACME_ROOT, F_OK) < 0)
                return fail(c, FBN_ENOENT, SERVICES_ACME_ROOT ": nginx does not answer the authority yet; 'fabricnet apply' first");
        return run(c, &words, ACME_SECONDS);
}

static bool has_names(fbn_context *c, const fbn_fabric *fabric, const struct certificate *certificate, const struct host *host)
{
        struct words names = {.n = 0};
        bool all = add_names(&names, fabric, certificate, host);

        for (size_t i = 1; all && i < names.n; i += 2) {
                _cleanup_(process_output_free) struct process_output output = {0};
                struct process process = {.arguments = (const char *const[]){"openssl", "x509", "-noout", "-in", certificate->file, "-checkhost",
                                                                             names.items[i], NULL},
                                          .timeout = OWN_SECONDS};

                all = process_run(c, &process, &output) == 0 && output.bytes && strstr(output.bytes, "does match");
        }
        return all;
}

static bool is_due(fbn_context *c, const fbn_fabric *fabric, const struct certificate *certificate, const struct host *host)
{
        struct error_record before = c->error;
        int64_t end;
        bool due = access(certificate->key, F_OK) < 0 || certificate_end(c, certificate->file, &end) < 0 || end - (int64_t)time(NULL) < OWN_RENEW ||
                   !has_names(c, fabric, certificate, host);

        c->error = before;
        return due;
}

static int make_folder(fbn_context *c, const struct certificate *certificate)
{
        char part[PATH_MAX];

        snprintf(part, sizeof(part), "%s", certificate->file);
        for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return fail_errno(c, errno, "%s", part);
                *slash = '/';
        }
        return 0;
}

/* Both are made beside their places. The key is readable by root alone from the start: openssl sees to that. */
static int issue(fbn_context *c, const fbn_fabric *fabric, const struct certificate *certificate, const struct host *host)
{
        _cleanup_(text_free) struct text alternatives = {0};
        char authority_key[PATH_MAX], key[PATH_MAX], file[PATH_MAX], subject[128];
        struct words names = {.n = 0}, words = {.n = 0};
        int r = secret_path(c, fabric, &certificate->authority_key, authority_key);

        if (r < 0)
                return r;
        if (!add_names(&names, fabric, certificate, host))
                return fail(c, FBN_EINVAL, "too many names for one certificate");
        for (size_t i = 1; i < names.n; i += 2)
                text_add(&alternatives, "%sDNS:%s", i > 1 ? "," : "subjectAltName=", names.items[i]);
        snprintf(subject, sizeof(subject), "/CN=%.63s", certificate->name);
        snprintf(key, sizeof(key), "%s.new", certificate->key);
        snprintf(file, sizeof(file), "%s.new", certificate->file);
        if (alternatives.failed || !add_words(&words, (const char *const[]){"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                                                  "-nodes", "-days", OWN_DAYS, "-subj", subject, "-addext", alternatives.bytes, "-addext",
                                                  "basicConstraints=critical,CA:FALSE", "-CA", certificate->authority, "-CAkey", authority_key, "-keyout",
                                                  key, "-out", file, NULL}))
                return fail_memory(c);
        r = make_folder(c, certificate);
        if (r == 0)
                r = run(c, &words, OWN_SECONDS);
        if (r == 0 && (rename(key, certificate->key) < 0 || rename(file, certificate->file) < 0))
                r = fail_errno(c, errno, "%s", certificate->file);
        if (r < 0) {
                unlink(key);
                unlink(file);
        }
        return r;
}

static char *content(fbn_context *c, const struct certificate *certificate)
{
        struct error_record before = c->error;
        char *text = NULL;
        size_t length;

        if (file_read(c, certificate->file, FILE_LIMIT, &text, &length) < 0)
                c->error = before;
        return text;
}

static int get(fbn_context *c, const fbn_fabric *fabric, const struct certificate *certificate, const struct host *host, fbn_changes *changes)
{
        _cleanup_free_ char *before = content(c, certificate);
        _cleanup_free_ char *after = NULL;
        int r = 0;

        if (certificate->source == CERTIFICATE_ACME)
                r = ask_acme(c, fabric, certificate, host);
        else if (is_due(c, fabric, certificate, host))
                r = issue(c, fabric, certificate, host);
        after = r == 0 ? content(c, certificate) : NULL;
        if (r == 0 && after && !(before && streq(before, after)))
                r = changes_add(c, changes, before ? FBN_CHANGE_UPDATE : FBN_CHANGE_CREATE, certificate->file, NULL, NULL, NULL);
        return fail_in(c, r, "certificate %s", certificate->name);
}

/* The first failure is the caller's, the others are told: none keeps the rest from being got. */
static int get_all(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, const struct host *host, fbn_changes *changes)
{
        struct run teller = {.options = *options};
        struct error_record first = {0};
        size_t n = 0;

        for (size_t i = 0; i < fabric->n_certificates; i++) {
                const struct certificate *certificate = &fabric->certificates[i];
                int r;

                if (certificate->source == CERTIFICATE_FILES || !certificate_is_of(fabric, certificate, host))
                        continue;
                n++;
                run_tell(&teller, "certificate %s", certificate->name);
                r = get(c, fabric, certificate, host, changes);
                if (r == -FBN_ECANCELED || r == -FBN_ENOMEM)
                        return r;
                if (r < 0 && first.code)
                        run_tell(&teller, "error: %s", fbn_context_error(c));
                else if (r < 0)
                        first = c->error;
        }
        if (n == 0)
                return fail(c, FBN_ENOENT, "/certificates: no service at '%s' has one that is to be got", host->name);
        if (!first.code)
                return 0;
        c->error = first;
        return -first.code;
}

int fbn_fabric_certificates(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *given, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_changes) changes = changes_new();
        fbn_fabric_options options;
        const struct host *host;
        int r;

        if (!changes)
                return fail_memory(c);
        r = OPTIONS_READ(c, fbn_fabric_options, given, &options);
        if (r == 0)
                r = fabric_find_host(c, fabric, options.host, &host);
        if (r < 0)
                return r;
        r = get_all(c, fabric, &options, host, changes);
        if (r == 0 && fbn_changes_count(changes) > 0)
                r = host_files_tell(c, changes);
        if (r < 0)
                return r;
        r = (int)fbn_changes_count(changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return r;
}
