/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SYSCTL_LIST_H
#define SYSCTL_LIST_H

#include "sysctl/setting.h"

struct sysctl_entry {
        fbn_sysctl sysctl;
        struct setting_path path;
};

struct fbn_sysctls {
        unsigned references;
        struct arena arena;
        struct sysctl_entry *items;
        size_t count, capacity;
};

#endif
