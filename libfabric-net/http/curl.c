/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/curl.h"

#if FBN_DLOPEN
#include <dlfcn.h>

static int functions_find(fbn_context *c, struct curl *curl)
{
        /* Never unloaded: OpenSSL below it leaves exit handlers behind. */
        curl->library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!curl->library)
                return fail(c, FBN_EUNSUPPORTED, "libcurl is not installed: apt-get install libcurl4");
#define CURL_FIND(name)                                                                  \
        curl->name = (__typeof__(curl->name))dlsym(curl->library, "curl_" #name);        \
        if (!curl->name)                                                                 \
                return fail(c, FBN_EUNSUPPORTED, "libcurl is too old: it has no curl_" #name "(); 7.66 or later is needed");
        CURL_FUNCTIONS(CURL_FIND)
        return 0;
}

static void library_close(struct curl *curl)
{
        if (curl->library)
                dlclose(curl->library);
}
#else
static int functions_find(fbn_context *c, struct curl *curl)
{
        (void)c;
#define CURL_TAKE(name) curl->name = curl_##name;
        CURL_FUNCTIONS(CURL_TAKE)
        return 0;
}

static void library_close(struct curl *curl)
{
        (void)curl;
}
#endif

struct curl *curl_unref(struct curl *curl)
{
        if (!curl || --curl->references > 0)
                return NULL;
        curl->global_cleanup();
        library_close(curl);
        memory_free(curl);
        return NULL;
}

static void slot_release(void *data)
{
        curl_unref(data);
}

static int curl_open(fbn_context *c, struct curl **ret_curl)
{
        _cleanup_free_ struct curl *curl = memory_alloc(sizeof(*curl));
        int r;

        if (!curl)
                return fail_memory(c);
        r = functions_find(c, curl);
        if (r == 0 && curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                r = fail(c, FBN_ESYSTEM, "libcurl cannot start");
        if (r < 0) {
                library_close(curl);
                return r;
        }
        curl->references = 1;
        *ret_curl = TAKE_PTR(curl);
        return 0;
}

int curl_get(fbn_context *c, struct curl **ret_curl)
{
        struct curl *curl = c->slots[SLOT_HTTP].data;
        int r;

        if (!curl) {
                r = curl_open(c, &curl);
                if (r < 0)
                        return r;
                c->slots[SLOT_HTTP].data = curl;
                c->slots[SLOT_HTTP].release = slot_release;
        }
        curl->references++;
        *ret_curl = curl;
        return 0;
}
