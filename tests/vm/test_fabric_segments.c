/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define VLANS
#define SANDBOX_SECONDS 600 /* the machine is emulated */
#include "netns/test_fabric_segments.c"
