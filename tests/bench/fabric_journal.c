/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours: fabric_journal STATE COPIES FOLDER: write the records of the last generation in STATE as so many generations into FOLDER, each record as an apply
 * writes it: as JSON with its checksum, synced before the next one. With the journal itself, which no public header has. */
#include "bench.h"

#include "fabric/journal.h"

static void write_generation(fbn_context *c, const struct state *state, uint64_t generation, const struct journal *from)
{
        struct journal journal = JOURNAL_CLOSED;

        checked(c, journal_begin(c, state, generation, json_incref(json_array_get(from->records, 0)), &journal));
        for (size_t i = 1; i < json_array_size(from->records); i++)
                checked(c, journal_add(c, state, &journal, json_incref(json_array_get(from->records, i))));
        journal_close(&journal);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = bench_context();
        struct journal from = JOURNAL_CLOSED;
        struct state state, to;
        uint64_t last;

        if (argc != 4)
                usage("fabric_journal STATE COPIES FOLDER");
        state_reopen(argv[1], &state);
        state_reopen(argv[3], &to);
        checked(c, state_last(c, &state, UINT64_MAX, &last));
        checked(c, journal_read(c, &state, last, &from));
        for (int i = 1; i <= atoi(argv[2]); i++)
                write_generation(c, &to, (uint64_t)i, &from);
        journal_close(&from);
        return 0;
}
