/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/cursor.h"

#include "http/json.h"

/* The bytes between two quotation marks. */
struct piece {
        const char *bytes;
        size_t length;
        bool plain; /* ASCII without a backslash */
};

static int fail_form(fbn_context *c, const struct json_cursor *at)
{
        return fail(c, FBN_EPROTOCOL, "answered JSON that is not well formed at byte %zu", at->before + (size_t)(at->next - at->start));
}

static int fail_type(fbn_context *c, const char *member, const char *wanted)
{
        return fail(c, FBN_EPROTOCOL, "the answer's member '%s' is not %s", member, wanted);
}

/* The next character that is no space, 0 at the end. */
static char peek(struct json_cursor *at)
{
        while (at->next < at->end && (*at->next == ' ' || *at->next == '\n' || *at->next == '\t' || *at->next == '\r'))
                at->next++;
        return at->next < at->end ? *at->next : 0;
}

static int fail_here(fbn_context *c, struct json_cursor *at)
{
        return at->next >= at->end && at->open ? JSON_CUT : fail_form(c, at);
}

static int expect(fbn_context *c, struct json_cursor *at, char wanted)
{
        if (peek(at) != wanted)
                return fail_here(c, at);
        at->next++;
        return 0;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t has_below(uint64_t word, unsigned byte)
{
        return (word - EACH(byte)) & ~word & EACH(0x80);
}

/* Past as many bytes as are plain and no quotation mark, eight at a time; what may be anything else is left to a closer look. */
static const char *plain_skip(const char *p, const char *end)
{
        for (uint64_t word; end - p >= 8; p += 8) {
                memcpy(&word, p, sizeof(word));
                if ((word & EACH(0x80)) | has_below(word, ' ') | has_below(word ^ EACH('"'), 1) | has_below(word ^ EACH('\\'), 1))
                        break;
        }
        return p;
}

static int piece_read(fbn_context *c, struct json_cursor *at, struct piece *ret_piece)
{
        const char *p;
        bool plain = true;
        int r = expect(c, at, '"');

        if (r != 0)
                return r;
        for (p = plain_skip(at->next, at->end); p < at->end && *p != '"'; p++) {
                plain = plain && (unsigned char)*p - 0x20u < 0x60u && *p != '\\';
                p += *p == '\\';
        }
        *ret_piece = (struct piece){at->next, (size_t)(p - at->next), plain};
        if (p >= at->end) {
                at->next = at->end;
                return fail_here(c, at);
        }
        at->next = p + 1;
        return 0;
}

/* A number or a word, up to what ends it. At the end of a cut text nobody knows whether it is whole. */
static int token_read(fbn_context *c, struct json_cursor *at, struct piece *ret_piece)
{
        const char *p = at->next;

        while (p < at->end && !strchr("\"{}[],: \n\t\r", *p))
                p++;
        if (p == at->next || p == at->end) {
                at->next = p;
                return fail_here(c, at);
        }
        *ret_piece = (struct piece){at->next, (size_t)(p - at->next), true};
        at->next = p;
        return 0;
}

static bool is(const struct piece *piece, const char *word)
{
        return piece->length == strlen(word) && memcmp(piece->bytes, word, piece->length) == 0;
}

/* Past the value that begins here, with its brackets in balance; whether it is well formed inside nobody needs to know. */
static int value_skip(fbn_context *c, struct json_cursor *at)
{
        struct piece piece;
        size_t depth = 0;

        do {
                char byte = peek(at);
                int r = 0;

                if (byte == '"')
                        r = piece_read(c, at, &piece);
                else if (byte == 0 || (depth == 0 && strchr(",:]}", byte)))
                        r = fail_here(c, at);
                else if (byte == '{' || byte == '[')
                        depth++, at->next++;
                else if (byte == '}' || byte == ']')
                        depth--, at->next++;
                else if (byte == ',' || byte == ':')
                        at->next++;
                else
                        r = token_read(c, at, &piece);
                if (r != 0)
                        return r;
        } while (depth > 0);
        return 0;
}

/* 1 and past it if the value is null. */
static int null_take(fbn_context *c, struct json_cursor *at)
{
        struct piece piece;
        int r;

        if (peek(at) != 'n')
                return 0;
        r = token_read(c, at, &piece);
        if (r != 0)
                return r;
        if (is(&piece, "null"))
                return 1;
        at->next = piece.bytes;
        return fail_form(c, at);
}

static int hex4(const char *digits, const char *end, uint32_t *ret_value)
{
        *ret_value = 0;
        for (int i = 0; i < 4; i++) {
                unsigned digit = digits + i < end ? (unsigned char)digits[i] : 0;

                if (digit - '0' < 10)
                        digit -= '0';
                else if ((digit | 32) - 'a' < 6)
                        digit = (digit | 32) - 'a' + 10;
                else
                        return 0;
                *ret_value = *ret_value << 4 | digit;
        }
        return 4;
}

static size_t utf8_put(char *to, uint32_t code)
{
        if (code < 0x80)
                return to[0] = (char)code, 1;
        if (code < 0x800)
                return to[0] = (char)(0xc0 | code >> 6), to[1] = (char)(0x80 | (code & 63)), 2;
        if (code < 0x10000)
                return to[0] = (char)(0xe0 | code >> 12), to[1] = (char)(0x80 | (code >> 6 & 63)), to[2] = (char)(0x80 | (code & 63)), 3;
        to[0] = (char)(0xf0 | code >> 18), to[1] = (char)(0x80 | (code >> 12 & 63)), to[2] = (char)(0x80 | (code >> 6 & 63));
        return to[3] = (char)(0x80 | (code & 63)), 4;
}

/* How many bytes of the text the escape after \u takes, pairs of surrogates included; 0: it is none, or NUL, which no text of C can hold. */
static size_t unicode_escape(const char *digits, const char *end, uint32_t *ret_code)
{
        uint32_t low;

        if (!hex4(digits, end, ret_code) || *ret_code == 0 || (*ret_code >= 0xdc00 && *ret_code < 0xe000))
                return 0;
        if (*ret_code < 0xd800 || *ret_code >= 0xe000)
                return 4;
        if (end - digits < 10 || digits[4] != '\\' || digits[5] != 'u' || !hex4(digits + 6, end, &low) || low < 0xdc00 || low >= 0xe000)
                return 0;
        *ret_code = 0x10000 + ((*ret_code - 0xd800) << 10) + (low - 0xdc00);
        return 10;
}

/* The length of the UTF-8 sequence that begins here (RFC 3629), 0 if it is none. */
static size_t utf8_length(const char *bytes, const char *end)
{
        unsigned char first = (unsigned char)*bytes, second = end - bytes > 1 ? (unsigned char)bytes[1] : 0;
        size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;

        if (length < 2)
                return length;
        if ((size_t)(end - bytes) < length || (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
            (first == 0xf4 && second > 0x8f))
                return 0;
        for (size_t i = 1; i < length; i++)
                if (((unsigned char)bytes[i] & 0xc0) != 0x80)
                        return 0;
        return length;
}

/* Decode into to, which has room for the piece; the decoded text is never longer. SIZE_MAX: not well formed. */
static size_t piece_decode(const struct piece *piece, char *to)
{
        static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
        const char *p = piece->bytes, *end = p + piece->length;
        char *start = to;

        while (p < end) {
                size_t length = utf8_length(p, end);
                uint32_t code;
                const char *letter;

                if (length == 0 || (unsigned char)*p < 0x20)
                        return SIZE_MAX;
                if (*p != '\\') {
                        memcpy(to, p, length);
                        to += length;
                        p += length;
                } else if (p[1] == 'u') {
                        length = unicode_escape(p + 2, end, &code);
                        if (length == 0)
                                return SIZE_MAX;
                        to += utf8_put(to, code);
                        p += 2 + length;
                } else {
                        letter = p[1] ? strchr(letters, p[1]) : NULL;
                        if (!letter)
                                return SIZE_MAX;
                        *to++ = meant[letter - letters];
                        p += 2;
                }
        }
        return (size_t)(to - start);
}

static int piece_keep(fbn_context *c, struct json_cursor *at, struct arena *arena, const struct piece *piece, const char **ret_text)
{
        char *copy;
        size_t length = piece->length;

        if (length == 0) {
                *ret_text = "";
                return 0;
        }
        copy = arena_alloc(arena, length + 1);
        if (!copy)
                return fail_memory(c);
        if (piece->plain)
                memcpy(copy, piece->bytes, length);
        else
                length = piece_decode(piece, copy);
        if (length == SIZE_MAX) {
                at->next = piece->bytes;
                return fail_form(c, at);
        }
        copy[length] = 0;
        *ret_text = copy;
        return 0;
}

static size_t beginning(const struct piece *piece)
{
        size_t length = piece->length;

        if (length < 3 || memcmp(piece->bytes + length - 3, "***", 3) != 0)
                return piece->plain ? MIN(length, (size_t)8) : 0;
        length -= 3;
        return length > 0 && piece->bytes[length - 1] == '-' ? length - 1 : length;
}

static int text_read(fbn_context *c, struct json_cursor *at, struct json_reader *reader, const struct json_field *field, const char **ret_text)
{
        struct piece piece;
        const char *shared = field->kind == JSON_SHARED_TEXT ? reader->shared : NULL;
        int r;

        if (peek(at) && *at->next != '"')
                return fail_type(c, field->name, "a text");
        r = piece_read(c, at, &piece);
        if (r != 0)
                return r;
        if (shared && is(&piece, shared) && piece.plain) {
                *ret_text = shared;
                return 0;
        }
        if (field->kind == JSON_BEGINNING)
                piece.length = beginning(&piece);
        r = piece_keep(c, at, reader->arena, &piece, ret_text);
        if (r == 0 && field->kind == JSON_SHARED_TEXT)
                reader->shared = *ret_text;
        return r;
}

#define SHORT_TEXT 64 /* addresses, prefixes, times and numbers are shorter */

/* A short text as C has it; of another form it becomes one that no reader takes. */
static void piece_short(const struct piece *piece, char *text)
{
        size_t length = piece->plain && piece->length < SHORT_TEXT ? piece->length : 0;

        memcpy(text, piece->bytes, length);
        text[length] = 0;
}

static int whole_read(fbn_context *c, struct json_cursor *at, const struct json_field *field, uint64_t *ret_number)
{
        struct piece piece;
        bool quoted = peek(at) == '"';
        char text[SHORT_TEXT];
        int r;

        if (peek(at) && strchr("{[", *at->next))
                return fail_type(c, field->name, "a whole number");
        r = quoted ? piece_read(c, at, &piece) : token_read(c, at, &piece);
        if (r != 0)
                return r;
        piece_short(&piece, text);
        if (!quoted && *text == '0' && text[1])
                return fail_form(c, at);
        return text_to_u64(text, 0, UINT64_MAX, ret_number) ? 0 : fail_type(c, field->name, "a whole number");
}

static int flag_read(fbn_context *c, struct json_cursor *at, const struct json_field *field, bool *ret_flag)
{
        struct piece piece;
        int r;

        if (peek(at) && strchr("\"{[", *at->next))
                return fail_type(c, field->name, "true or false");
        r = token_read(c, at, &piece);
        if (r != 0)
                return r;
        *ret_flag = is(&piece, "true");
        return *ret_flag || is(&piece, "false") ? 0 : fail_type(c, field->name, "true or false");
}

static int time_read(fbn_context *c, struct json_cursor *at, const struct json_field *field, int64_t *ret_time)
{
        struct piece piece;
        char text[SHORT_TEXT];
        int64_t nanoseconds;
        int r;

        if (peek(at) && *at->next != '"')
                return fail_type(c, field->name, "a time of RFC 3339");
        r = piece_read(c, at, &piece);
        if (r != 0)
                return r;
        piece_short(&piece, text);
        if (!json_time_parse(text, &nanoseconds))
                return fail_type(c, field->name, "a time of RFC 3339");
        *ret_time = MAX(nanoseconds, 0);
        return 0;
}

static int item_add(fbn_context *c, struct json_cursor *at, struct json_reader *reader, const struct json_field *field, const struct piece *piece)
{
        char text[SHORT_TEXT];
        const char *kept;
        fbn_address address;
        fbn_prefix prefix;
        int r;

        piece_short(piece, text);
        switch (field->kind) {
        case JSON_ADDRESSES:
                if (fbn_address_parse(text, &address) < 0)
                        return fail_type(c, field->name, "a list of addresses");
                text_append(&reader->items, (const char *)&address, sizeof(address));
                return 0;
        case JSON_PREFIXES:
                if (fbn_prefix_parse(text, &prefix) < 0)
                        return fail_type(c, field->name, "a list of prefixes");
                text_append(&reader->items, (const char *)&prefix, sizeof(prefix));
                return 0;
        default:
                r = piece_keep(c, at, reader->arena, piece, &kept);
                if (r == 0)
                        text_append(&reader->items, (const char *)&kept, sizeof(kept));
                return r;
        }
}

static const char *list_name(enum json_kind kind)
{
        return kind == JSON_ADDRESSES ? "a list of addresses" : kind == JSON_PREFIXES ? "a list of prefixes" : "a list of texts";
}

static int list_read(fbn_context *c, struct json_cursor *at, struct json_reader *reader, const struct json_field *field, char *record)
{
        size_t count = 0;
        void *items;
        int r;

        if (peek(at) && *at->next != '[')
                return fail_type(c, field->name, "a list");
        r = expect(c, at, '[');
        reader->items.length = 0;
        for (char byte = peek(at); r == 0 && byte != ']'; byte = peek(at), count++) {
                struct piece piece;

                if (count > 0)
                        r = expect(c, at, ',');
                if (r == 0 && peek(at) && *at->next != '"')
                        return fail_type(c, field->name, list_name(field->kind));
                if (r == 0)
                        r = piece_read(c, at, &piece);
                if (r == 0)
                        r = item_add(c, at, reader, field, &piece);
        }
        if (r != 0)
                return r;
        at->next++;
        if (count == 0)
                return 0;
        items = reader->items.failed ? NULL : arena_copy(reader->arena, reader->items.bytes, reader->items.length);
        if (!items)
                return fail_memory(c);
        memcpy(record + field->offset, &items, sizeof(items));
        memcpy(record + field->count, &count, sizeof(count));
        return 0;
}

static int object_read(fbn_context *c, struct json_cursor *at, struct json_reader *reader, const struct json_field *fields, char *record);

static int field_read(fbn_context *c, struct json_cursor *at, struct json_reader *reader, const struct json_field *field, char *record)
{
        void *member = record + field->offset;
        int r = null_take(c, at);

        if (r != 0)
                return r == 1 ? 0 : r;
        switch (field->kind) {
        case JSON_TEXT:
        case JSON_SHARED_TEXT:
        case JSON_BEGINNING:
                return text_read(c, at, reader, field, member);
        case JSON_WHOLE:
                return whole_read(c, at, field, member);
        case JSON_FLAG:
                return flag_read(c, at, field, member);
        case JSON_TIME:
                return time_read(c, at, field, member);
        case JSON_INSIDE:
                if (peek(at) && *at->next != '{')
                        return fail_type(c, field->name, "an object");
                return object_read(c, at, reader, field->inside, record);
        default:
                return list_read(c, at, reader, field, record);
        }
}

/* The field of this name. Servers write members in one order, ours: the one after the last is tried first. */
static const struct json_field *find(const struct json_field *fields, const struct json_field *likely, const struct piece *name)
{
        if (likely->name && is(name, likely->name))
                return likely;
        for (const struct json_field *field = fields; field->name; field++)
                if (is(name, field->name))
                        return field;
        return NULL;
}

static int object_read(fbn_context *c, struct json_cursor *at, struct json_reader *reader, const struct json_field *fields, char *record)
{
        const struct json_field *likely = fields, *field;
        struct piece name;
        int r = expect(c, at, '{');

        if (r == 0 && peek(at) == '}') {
                at->next++;
                return 0;
        }
        while (r == 0) {
                r = piece_read(c, at, &name);
                if (r == 0)
                        r = expect(c, at, ':');
                if (r != 0)
                        return r;
                field = find(fields, likely, &name);
                r = field ? field_read(c, at, reader, field, record) : value_skip(c, at);
                likely = field ? field + 1 : likely;
                if (r == 0 && peek(at) == '}') {
                        at->next++;
                        return 0;
                }
                if (r == 0)
                        r = expect(c, at, ',');
        }
        return r;
}

/* Texts that are missing read as "". */
static void texts_empty(const struct json_field *fields, char *record)
{
        static const char *const empty = "";

        for (; fields->name; fields++)
                if (fields->kind == JSON_INSIDE)
                        texts_empty(fields->inside, record);
                else if (fields->kind == JSON_TEXT || fields->kind == JSON_SHARED_TEXT || fields->kind == JSON_BEGINNING)
                        memcpy(record + fields->offset, &empty, sizeof(empty));
}

int json_record_read(fbn_context *c, struct json_cursor *at, struct json_reader *reader, const struct json_field *fields, void *record)
{
        texts_empty(fields, record);
        return object_read(c, at, reader, fields, record);
}

void json_reader_clear(struct json_reader *reader)
{
        text_free(&reader->items);
}

/* The member at the cursor: 1 if it is the list, and the cursor within; 0 past it. */
static int member_read(fbn_context *c, struct json_cursor *at, const struct json_list *list)
{
        struct piece name;
        int r = piece_read(c, at, &name);

        if (r == 0)
                r = expect(c, at, ':');
        if (r != 0)
                return r;
        if (!is(&name, list->member))
                return value_skip(c, at);
        if (peek(at) == '[') {
                at->next++;
                return 1;
        }
        r = null_take(c, at);
        if (r == 0)
                r = peek(at) ? fail(c, FBN_EPROTOCOL, "the answer's member '%s' is not a list", list->member) : fail_here(c, at);
        return r == 1 ? 0 : r;
}

/* Past a comma to one state, or past the closing bracket to another. */
static int part(fbn_context *c, struct json_cursor *at, struct json_list *list, char close, int on, int out)
{
        char byte = peek(at);

        if (byte != ',' && byte != close)
                return fail_here(c, at);
        at->next++;
        list->state = byte == ',' ? on : out;
        return 0;
}

static int step(fbn_context *c, struct json_cursor *at, struct json_list *list)
{
        const char *begin = at->next;
        int r;

        switch (list->state) {
        case JSON_LIST_START:
                r = expect(c, at, '{');
                list->state = r == 0 ? JSON_LIST_FIRST_MEMBER : list->state;
                return r;
        case JSON_LIST_FIRST_MEMBER:
                list->state = peek(at) == '}' ? JSON_LIST_MEMBER_END : JSON_LIST_MEMBER;
                return peek(at) ? 0 : fail_here(c, at);
        case JSON_LIST_MEMBER:
                r = member_read(c, at, list);
                if (r == JSON_CUT)
                        at->next = begin;
                else if (r >= 0)
                        list->state = r == 1 ? JSON_LIST_FIRST : JSON_LIST_MEMBER_END;
                return r == 1 ? 0 : r;
        case JSON_LIST_MEMBER_END:
                return part(c, at, list, '}', JSON_LIST_MEMBER, JSON_LIST_OVER);
        case JSON_LIST_FIRST:
                if (peek(at) == ']') {
                        at->next++;
                        list->state = JSON_LIST_MEMBER_END;
                        return 0;
                }
                list->state = peek(at) ? JSON_LIST_ELEMENT : list->state;
                return peek(at) ? 0 : fail_here(c, at);
        case JSON_LIST_ELEMENT_END:
                return part(c, at, list, ']', JSON_LIST_ELEMENT, JSON_LIST_MEMBER_END);
        default:
                return 0;
        }
}

int json_list_next(fbn_context *c, struct json_cursor *at, struct json_list *list)
{
        while (list->state != JSON_LIST_OVER) {
                int r = step(c, at, list);

                if (r != 0)
                        return r;
                if (list->state != JSON_LIST_ELEMENT)
                        continue;
                if (peek(at) == '{')
                        return 1;
                return peek(at) ? fail(c, FBN_EPROTOCOL, "the answer's member '%s' is not a list of objects", list->member) : fail_here(c, at);
        }
        if (peek(at))
                return fail_form(c, at);
        return at->open ? JSON_CUT : 0;
}

void json_list_taken(struct json_list *list)
{
        list->state = JSON_LIST_ELEMENT_END;
        list->index++;
}
