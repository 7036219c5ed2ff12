/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_FABRICNET_H
#define FABRICNET_FABRICNET_H

/* Everything that this installation has. */
#include <fabricnet/changes.h>
#include <fabricnet/context.h>
#include <fabricnet/dns.h>
#include <fabricnet/error.h>
#include <fabricnet/link.h>
#include <fabricnet/monitor.h>
#include <fabricnet/route.h>
#include <fabricnet/rpfilter.h>
#include <fabricnet/secret.h>
#include <fabricnet/sysctl.h>
#include <fabricnet/types.h>
#include <fabricnet/version.h>
#include <fabricnet/wireguard.h>

/* Rooms that can be switched off when the library is built. */
#if defined(__has_include)
#if __has_include(<fabricnet/nat.h>)
#include <fabricnet/nat.h>
#endif
#if __has_include(<fabricnet/headscale.h>)
#include <fabricnet/headscale.h>
#endif
#if __has_include(<fabricnet/tailscale.h>)
#include <fabricnet/tailscale.h>
#endif
#if __has_include(<fabricnet/edge.h>)
#include <fabricnet/edge.h>
#include <fabricnet/router.h>
#endif
#if __has_include(<fabricnet/fabric.h>)
#include <fabricnet/fabric.h>
#endif
#endif

#endif
