/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/host.h"

#include "base/process.h"

#include <unistd.h>

#define SECONDS 15

bool program_exists(const char *path)
{
        return access(path, X_OK) == 0;
}

int program_run(fbn_context *c, const char *const *arguments, const char *input, char **ret_output)
{
        _cleanup_(process_output_free) struct process_output output = {0};
        const struct process process = {
                .arguments = arguments, .input = input ? input : "", .input_length = input ? strlen(input) : 0, .timeout = SECONDS};
        int code = process_run(c, &process, &output);

        if (code >= 0 && ret_output)
                *ret_output = TAKE_PTR(output.bytes);
        return code;
}

const char *output_end(char *output)
{
        size_t length = output ? strlen(output) : 0;
        char *line;

        while (length > 0 && (output[length - 1] == '\n' || output[length - 1] == ' '))
                output[--length] = 0;
        line = length ? strrchr(output, '\n') : NULL;
        return line ? line + 1 : length ? output : "it does not say why";
}
