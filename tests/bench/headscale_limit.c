/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The least that a call takes with libcurl: headscale_limit URL CALLS [KEY-FILE]: one connection, the same request headers, the answer counted and
 * dropped. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

static size_t count(char *bytes, size_t size, size_t items, void *data)
{
        (void)bytes;
        *(size_t *)data += size * items;
        return size * items;
}

static struct curl_slist *append_key(struct curl_slist *headers, const char *path)
{
        FILE *file = fopen(path, "r");
        char key[256] = "", line[300];

        if (!file || fscanf(file, "%255s", key) != 1)
                return NULL;
        fclose(file);
        snprintf(line, sizeof(line), "Authorization: Bearer %s", key);
        return curl_slist_append(headers, line);
}

int main(int argc, char **argv)
{
        struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
        CURL *curl = curl_easy_init();
        size_t length = 0;

        headers = curl_slist_append(headers, "Content-Type: application/json");
        if (argc == 4)
                headers = append_key(headers, argv[3]);
        else
                headers = curl_slist_append(headers, "Authorization: Bearer key");
        if ((argc != 3 && argc != 4) || !curl || !headers)
                return 3;
        curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, count);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &length);
        curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
        for (int i = atoi(argv[2]); i > 0; i--) {
                CURLcode code = curl_easy_perform(curl);

                if (code != CURLE_OK) {
                        fprintf(stderr, "%s\n", curl_easy_strerror(code));
                        return 1;
                }
        }
        curl_easy_cleanup(curl);
        curl_slist_free_all(headers);
        return length == 0;
}
