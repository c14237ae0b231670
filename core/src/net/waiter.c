#include "net/core.h"

#include "base/mem.h"

void aa_waiters_init(struct aa_waiters *waiters)
{
    waiters->head = NULL;
    waiters->tail = &waiters->head;
}

void aa_waiters_add(struct aa_waiters *waiters, struct aa_waiter *waiter)
{
    waiter->next = NULL;
    *waiters->tail = waiter;
    waiters->tail = &waiter->next;
}

struct aa_waiter *aa_waiters_take_all(struct aa_waiters *waiters)
{
    struct aa_waiter *head = waiters->head;

    aa_waiters_init(waiters);
    return head;
}

/* ---- one waiter ------------------------------------------------------------------------------------------------ */

#define REQUEST_VIEWS 10

/* Every view of a request, so that none is forgotten when it is copied; the body comes last. */
static void list_views(struct aa_guard_request *request, struct aa_view *views[REQUEST_VIEWS])
{
    struct aa_view *all[REQUEST_VIEWS] = {
        &request->method,   &request->path,         &request->authorization, &request->preflight_method,
        &request->origin,   &request->content_type, &request->mcp_method,    &request->mcp_protocol_version,
        &request->mcp_name, &request->body};

    memcpy(views, all, sizeof all);
}

enum aa_err aa_waiter_new(const struct aa_guard_request *request, bool with_body, struct aa_queue *queue, void *tag,
                          struct aa_waiter **out)
{
    struct aa_guard_request copy = *request;
    struct aa_view *views[REQUEST_VIEWS];
    struct aa_waiter *waiter;
    size_t size = sizeof *waiter + 1;
    char *at;

    if (!with_body)
        copy.body = AA_VIEW_ABSENT;
    list_views(&copy, views);
    for (size_t i = 0; i < REQUEST_VIEWS; i++)
        size += views[i]->len;
    waiter = aa_mem_new(size);
    if (!waiter)
        return AA_ERR_NOMEM;
    waiter->size = size;
    waiter->item = aa_mem_new(sizeof *waiter->item);
    if (!waiter->item) {
        aa_mem_free(waiter);
        return AA_ERR_NOMEM;
    }
    at = (char *)(waiter + 1);
    for (size_t i = 0; i < REQUEST_VIEWS; i++) {
        if (aa_view_is_absent(*views[i]))
            continue;
        if (views[i]->len)
            memcpy(at, views[i]->data, views[i]->len);
        views[i]->data = at;
        at += views[i]->len;
    }
    waiter->request = copy;
    waiter->item->completion.tag = tag;
    waiter->queue = aa_queue_acquire(queue);
    *out = waiter;
    return AA_OK;
}

void aa_waiter_free(struct aa_waiter *waiter)
{
    aa_mem_free(waiter->item);
    aa_queue_release(waiter->queue);
    aa_mem_wipe_free(waiter, waiter->size);
}

/* ---- tickets --------------------------------------------------------------------------------------------------- */

static struct aa_waiter **bucket_of(struct aa_guard *guard, uint64_t ticket)
{
    return &guard->tickets[ticket & (AA_TICKET_BUCKETS - 1)];
}

void aa_tickets_add(struct aa_guard *guard, struct aa_waiter *waiter)
{
    struct aa_waiter **bucket;

    waiter->ticket = ++guard->last_ticket;
    bucket = bucket_of(guard, waiter->ticket);
    waiter->ticket_next = *bucket;
    *bucket = waiter;
}

struct aa_waiter *aa_tickets_find(struct aa_guard *guard, uint64_t ticket)
{
    struct aa_waiter *waiter = *bucket_of(guard, ticket);

    while (waiter && waiter->ticket != ticket)
        waiter = waiter->ticket_next;
    return waiter;
}

void aa_tickets_remove(struct aa_guard *guard, struct aa_waiter *waiter)
{
    struct aa_waiter **link = bucket_of(guard, waiter->ticket);

    while (*link && *link != waiter)
        link = &(*link)->ticket_next;
    if (*link)
        *link = waiter->ticket_next;
}
