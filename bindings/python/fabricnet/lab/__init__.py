# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rehearse a fabric file: every host as namespaces on this machine, real daemons, proofs with stock tools."""
