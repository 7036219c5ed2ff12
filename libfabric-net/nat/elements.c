/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <stdlib.h>

static void lay_out(fbn_nat_elements *elements)
{
        const struct set_shape *shape = &elements->shape;

        elements->stride = shape->key.bytes;
        if (shape->flags & NFT_SET_INTERVAL) {
                elements->last_at = elements->stride;
                elements->stride += shape->key.bytes;
        }
        if (shape->flags & NFT_SET_MAP) {
                elements->data_at = elements->stride;
                elements->stride += shape->data.bytes;
        }
        if (shape_has_timeouts(shape)) {
                elements->timeout_at = elements->stride;
                elements->stride += sizeof(uint64_t);
        }
}

int elements_new(fbn_context *c, const char *name, const struct set_shape *shape, fbn_nat_elements **ret_elements)
{
        fbn_nat_elements *elements = memory_alloc(sizeof(*elements));

        if (!elements)
                return fail_memory(c);
        elements->references = 1;
        elements->shape = *shape;
        elements->sorted = true;
        elements->name = memory_strdup(name);
        if (!elements->name) {
                fbn_nat_elements_unref(elements);
                return fail_memory(c);
        }
        lay_out(elements);
        *ret_elements = elements;
        return 0;
}

int fbn_nat_elements_new(fbn_context *c, const char *set, fbn_nat_elements **ret_elements)
{
        struct netlink *netlink;
        struct set_shape shape;
        int r;

        r = netlink_get(c, NETLINK_NETFILTER, &netlink);
        if (r == 0)
                r = set_read(c, netlink, set, &shape);
        if (r == 0)
                r = elements_new(c, set, &shape, ret_elements);
        return fail_in(c, r, "nat set '%.31s'", set ? set : "");
}

fbn_nat_elements *fbn_nat_elements_ref(fbn_nat_elements *elements)
{
        elements->references++;
        return elements;
}

fbn_nat_elements *fbn_nat_elements_unref(fbn_nat_elements *elements)
{
        if (!elements || --elements->references > 0)
                return NULL;
        memory_free(elements->name);
        memory_free(elements->bytes);
        memory_free(elements);
        return NULL;
}

size_t fbn_nat_elements_count(const fbn_nat_elements *elements)
{
        return elements ? elements->count : 0;
}

static bool reserve(fbn_nat_elements *elements)
{
        size_t more = elements->capacity ? elements->capacity * 2 : 64, bytes;
        uint8_t *grown;

        if (elements->count < elements->capacity)
                return true;
        if (__builtin_mul_overflow(more, elements->stride, &bytes))
                return false;
        grown = memory_realloc(elements->bytes, bytes);
        if (!grown)
                return false;
        elements->bytes = grown;
        elements->capacity = more;
        return true;
}

int elements_order(const fbn_nat_elements *elements, const uint8_t *a, const uint8_t *b)
{
        int order = memcmp(a, b, elements->shape.key.bytes);

        return order || !elements->last_at ? order : memcmp(b + elements->last_at, a + elements->last_at, elements->shape.key.bytes);
}

static int compare_packed(const void *a, const void *b, void *data)
{
        return elements_order(data, a, b);
}

static void pack(const fbn_nat_elements *elements, const struct element *element, uint8_t *packed)
{
        memcpy(packed, element->first, elements->shape.key.bytes);
        if (elements->last_at)
                memcpy(packed + elements->last_at, element->last, elements->shape.key.bytes);
        if (elements->data_at)
                memcpy(packed + elements->data_at, element->data, elements->shape.data.bytes);
        if (elements->timeout_at)
                memcpy(packed + elements->timeout_at, &element->timeout_ms, sizeof(element->timeout_ms));
}

int elements_append_packed(fbn_context *c, fbn_nat_elements *elements, const uint8_t *packed)
{
        if (!reserve(elements))
                return fail_memory(c);
        memcpy(element_at(elements, elements->count), packed, elements->stride);
        if (elements->count > 0 && elements->sorted)
                elements->sorted = elements_order(elements, element_at(elements, elements->count - 1), packed) < 0;
        elements->count++;
        return 0;
}

int elements_append(fbn_context *c, fbn_nat_elements *elements, const struct element *element)
{
        uint8_t packed[ELEMENT_PACKED];

        pack(elements, element, packed);
        return elements_append_packed(c, elements, packed);
}

static int parse(fbn_context *c, const struct set_shape *shape, const fbn_nat_element *given, struct element *ret_element)
{
        char types[LAYOUT_TEXT];

        if (!given->key || !value_parse(&shape->key, given->key, ret_element->first, shape->flags & NFT_SET_INTERVAL ? ret_element->last : NULL)) {
                layout_format(&shape->key, types);
                return fail(c, FBN_EINVAL, "'%.128s' is no element of type %s%s", given->key ? given->key : "", types,
                            shape->flags & NFT_SET_INTERVAL ? " (a prefix has no host bits)" : "; this set has no ranges");
        }
        if (!given->data && (shape->flags & NFT_SET_MAP))
                return fail(c, FBN_EINVAL, "element '%.128s': the set is a map, elements need data", given->key);
        if (given->data && !(shape->flags & NFT_SET_MAP))
                return fail(c, FBN_EINVAL, "element '%.128s': the set is no map, elements have no data", given->key);
        if (given->data && !value_parse(&shape->data, given->data, ret_element->data, NULL)) {
                layout_format(&shape->data, types);
                return fail(c, FBN_EINVAL, "element '%.128s': '%.128s' is no data of type %s", given->key, given->data, types);
        }
        if (given->timeout_ms && !shape_has_timeouts(shape))
                return fail(c, FBN_EINVAL, "element '%.128s': the set was declared without timeouts", given->key);
        return 0;
}

int fbn_nat_elements_add(fbn_context *c, fbn_nat_elements *elements, const fbn_nat_element *element)
{
        struct element parsed;
        fbn_nat_element mine;
        int r;

        r = OPTIONS_READ(c, fbn_nat_element, element, &mine);
        if (r == 0)
                r = parse(c, &elements->shape, &mine, &parsed);
        parsed.timeout_ms = mine.timeout_ms;
        if (r == 0)
                r = elements_append(c, elements, &parsed);
        return fail_in(c, r, "nat set '%s'", elements->name);
}

void element_format(const fbn_nat_elements *elements, const uint8_t *packed, char buffer[VALUE_TEXT])
{
        value_format(&elements->shape.key, packed, packed + elements->last_at, buffer);
}

/* Whether two say the same of the addresses that both are about. */
static bool agree(const fbn_nat_elements *elements, const uint8_t *a, const uint8_t *b)
{
        size_t from = elements->data_at ? elements->data_at : elements->timeout_at;

        return !from || memcmp(a + from, b + from, elements->stride - from) == 0;
}

static int fail_overlap(fbn_context *c, const fbn_nat_elements *elements, const uint8_t *a, const uint8_t *b)
{
        char first[VALUE_TEXT], second[VALUE_TEXT];

        element_format(elements, a, first);
        element_format(elements, b, second);
        if (streq(first, second))
                return fail(c, FBN_EINVAL, "element %s is given twice, with different timeouts or data", first);
        return fail(c, FBN_EINVAL, "element %s overlaps %s, which is given as well%s", second, first,
                    agree(elements, a, b) ? "" : " with another timeout or other data");
}

/* What lies inside of another and says the same is left out (blocklists are like that); other overlaps are refused. */
static int fold(fbn_context *c, fbn_nat_elements *elements, bool cover)
{
        size_t key = elements->shape.key.bytes, kept = 0;
        bool ranges = shape_is_ranges(&elements->shape);

        for (size_t i = 0; i < elements->count; i++) {
                uint8_t *element = element_at(elements, i), *before = kept ? element_at(elements, kept - 1) : NULL;
                bool equal = before && elements_order(elements, before, element) == 0;
                bool overlaps = before && ranges && memcmp(element, before + elements->last_at, key) <= 0;
                bool inside = overlaps && cover && memcmp(element + elements->last_at, before + elements->last_at, key) <= 0;

                if ((equal || inside) && agree(elements, before, element))
                        continue;
                if (equal || overlaps)
                        return fail_overlap(c, elements, before, element);
                if (kept != i)
                        memcpy(element_at(elements, kept), element, elements->stride);
                kept++;
        }
        elements->count = kept;
        return 0;
}

int elements_sort(fbn_context *c, fbn_nat_elements *elements, bool cover)
{
        if (!elements->sorted)
                qsort_r(elements->bytes, elements->count, elements->stride, compare_packed, elements);
        elements->sorted = true;
        return fold(c, elements, cover);
}

const uint8_t *elements_find(const fbn_nat_elements *elements, const struct element *element)
{
        size_t low = 0, high = elements->count, length = elements->shape.key.bytes;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = memcmp(element_at(elements, middle), element->first, length);

                if (order == 0 && elements->last_at) /* larger ones first */
                        order = memcmp(element->last, element_at(elements, middle) + elements->last_at, length);
                if (order == 0)
                        return element_at(elements, middle);
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

bool element_same(const fbn_nat_elements *elements, const uint8_t *packed, const struct element *element)
{
        uint64_t timeout = 0;

        if (elements->data_at && memcmp(packed + elements->data_at, element->data, elements->shape.data.bytes) != 0)
                return false;
        if (elements->timeout_at)
                memcpy(&timeout, packed + elements->timeout_at, sizeof(timeout));
        return (timeout ? timeout : elements->shape.timeout_ms) == (element->timeout_ms ? element->timeout_ms : elements->shape.timeout_ms);
}
