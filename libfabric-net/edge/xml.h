/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_XML_H
#define EDGE_XML_H

#include "base/context.h"

/* Whether bytes are one well-formed XML document. Nothing that it refers to is opened. 0, or -FBN_EINVAL with "line N: …",
 * -FBN_EUNSUPPORTED without libxml2. */
int xml_check(fbn_context *c, const char *bytes, size_t length);

#endif
