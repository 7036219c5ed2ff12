/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/originals.h"
#include "fabric/snapshot.h"

/* As sysctl(8): the first separator is the key's, the other one stands for itself. */
static bool same_key(const char *a, const char *b)
{
        char x = a[strcspn(a, "./")], y = b[strcspn(b, "./")];

        for (; *a && *b; a++, b++) {
                bool a_ends = *a == x, b_ends = *b == y, a_other = strchr("./", *a) && !a_ends, b_other = strchr("./", *b) && !b_ends;

                if (a_ends != b_ends || a_other != b_other || (!a_ends && !a_other && *a != *b))
                        return false;
        }
        return *a == *b;
}

bool sysctls_have(const fbn_sysctls *sysctls, const char *key)
{
        for (size_t i = 0; i < fbn_sysctls_count(sysctls); i++)
                if (same_key(fbn_sysctls_at(sysctls, i)->key, key))
                        return true;
        return false;
}

static const char *key_of(const json_t *original)
{
        const char *key = json_string_value(json_object_get(original, "key"));

        return key ? key : "";
}

static json_t *find(const json_t *originals, const char *key)
{
        for (size_t i = 0; i < json_array_size(originals); i++)
                if (same_key(key_of(json_array_get(originals, i)), key))
                        return json_array_get(originals, i);
        return NULL;
}

static int read_original(fbn_context *c, const fbn_sysctl *sysctl, json_t **ret_original)
{
        FBN_CLEANUP(fbn_sysctls) one = NULL;
        FBN_CLEANUP(fbn_sysctls) present = NULL;
        FBN_CLEANUP(fbn_sysctls) values = NULL;
        json_t *along;
        int r = fbn_sysctls_new(c, &one);

        if (r == 0)
                r = fbn_sysctls_add(c, one, sysctl);
        if (r == 0)
                r = sysctls_present(c, one, &present);
        if (r < 0 || fbn_sysctls_count(present) == 0)
                return r;
        r = fbn_sysctl_snapshot(c, present, &values);
        if (r < 0)
                return r;
        along = sysctls_to_json(values);
        json_array_remove(along, 0);
        *ret_original = json_pack("{s:s, s:I, s:o}", "key", sysctl->key, "value", (json_int_t)fbn_sysctls_at(values, 0)->value, "along", along);
        return *ret_original ? 0 : fail_memory(c);
}

int originals_next(fbn_context *c, const json_t *previous, const fbn_sysctls *declared, json_t **ret_originals)
{
        json_t *originals = json_array();
        int r = originals ? 0 : fail_memory(c);

        for (size_t i = 0; r == 0 && i < fbn_sysctls_count(declared); i++) {
                json_t *original = json_incref(find(previous, fbn_sysctls_at(declared, i)->key));

                if (!original)
                        r = read_original(c, fbn_sysctls_at(declared, i), &original);
                if (original && json_array_append_new(originals, original) < 0)
                        r = fail_memory(c);
        }
        if (r < 0) {
                json_decref(originals);
                return r;
        }
        *ret_originals = originals;
        return 0;
}

static int add_one(fbn_context *c, const json_t *item, fbn_sysctls *sysctls)
{
        if (sysctls_have(sysctls, key_of(item)))
                return 0;
        return fbn_sysctls_add(c, sysctls,
                               FBN_OPTIONS(fbn_sysctl, .key = key_of(item), .value = json_integer_value(json_object_get(item, "value"))));
}

static int add_original(fbn_context *c, const json_t *original, fbn_sysctls *sysctls)
{
        const json_t *along = json_object_get(original, "along");
        int r = add_one(c, original, sysctls);

        for (size_t i = 0; r == 0 && i < json_array_size(along); i++)
                r = add_one(c, json_array_get(along, i), sysctls);
        return r;
}

int originals_add(fbn_context *c, const json_t *originals, fbn_sysctls *sysctls)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < json_array_size(originals); i++)
                r = add_original(c, json_array_get(originals, i), sysctls);
        return r;
}

int originals_left(fbn_context *c, const json_t *previous, const fbn_sysctls *declared, fbn_sysctls **ret_left)
{
        FBN_CLEANUP(fbn_sysctls) all = NULL;
        int r = fbn_sysctls_new(c, &all);

        for (size_t i = 0; r == 0 && i < json_array_size(previous); i++)
                if (!sysctls_have(declared, key_of(json_array_get(previous, i))))
                        r = add_original(c, json_array_get(previous, i), all);
        return r < 0 ? r : sysctls_present(c, all, ret_left);
}
