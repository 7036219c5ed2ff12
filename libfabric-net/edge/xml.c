/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/xml.h"

#include <limits.h>
#include <libxml/parser.h>

#define XML_FUNCTIONS(X) X(CtxtReadMemory) X(CtxtGetLastError) X(NewParserCtxt) X(FreeParserCtxt) X(FreeDoc)

struct library {
        void *handle;
#define XML_MEMBER(name) __typeof__(xml##name) *name;
        XML_FUNCTIONS(XML_MEMBER)
#undef XML_MEMBER
};

#if FBN_DLOPEN
#include <dlfcn.h>

static int library_open(fbn_context *c, struct library *library)
{
        library->handle = dlopen("libxml2.so.2", RTLD_NOW | RTLD_LOCAL);
        if (!library->handle)
                return fail(c, FBN_EUNSUPPORTED, "libxml2 is not installed: apt-get install libxml2");
#define XML_FIND(name)                                                            \
        library->name = (__typeof__(library->name))dlsym(library->handle, "xml" #name); \
        if (!library->name)                                                       \
                return fail(c, FBN_EUNSUPPORTED, "libxml2.so.2 has no xml" #name "()");
        XML_FUNCTIONS(XML_FIND)
        return 0;
}

static void library_close(struct library *library)
{
        if (library->handle)
                dlclose(library->handle);
}
#else
static int library_open(fbn_context *c, struct library *library)
{
        (void)c;
#define XML_TAKE(name) library->name = xml##name;
        XML_FUNCTIONS(XML_TAKE)
        return 0;
}

static void library_close(struct library *library)
{
        (void)library;
}
#endif

static int fail_at(fbn_context *c, const xmlError *error)
{
        const char *text = error && error->message ? error->message : "it is empty";

        return fail(c, FBN_EINVAL, "line %d: %.*s", error ? error->line : 1, (int)strcspn(text, "\n"), text);
}

int xml_check(fbn_context *c, const char *bytes, size_t length)
{
        _cleanup_(library_close) struct library library = {0};
        xmlParserCtxtPtr parser;
        xmlDocPtr document;
        int r;

        r = library_open(c, &library);
        if (r < 0)
                return r;
        parser = length <= INT_MAX ? library.NewParserCtxt() : NULL;
        if (!parser)
                return fail_memory(c);
        document = library.CtxtReadMemory(parser, bytes, (int)length, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
        if (!document)
                r = fail_at(c, library.CtxtGetLastError(parser));
        library.FreeDoc(document);
        library.FreeParserCtxt(parser);
        return r;
}
