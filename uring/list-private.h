/* SPDX-License-Identifier: MIT */
/* A doubly linked list whose links live in its members. */
#ifndef KEEL_URING_LIST_PRIVATE_H
#define KEEL_URING_LIST_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#define keel__container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* A head is a link too; a link that points at itself is in no list. */
struct keel__link {
	struct keel__link *prev;
	struct keel__link *next;
};

static inline void keel__link_init(struct keel__link *link)
{
	link->prev = link;
	link->next = link;
}

static inline bool keel__link_alone(const struct keel__link *link)
{
	return link->next == link;
}

static inline void keel__link_del(struct keel__link *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	keel__link_init(link);
}

/* @link is in no list. */
static inline void keel__link_append(struct keel__link *head,
				     struct keel__link *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

static inline void keel__link_move(struct keel__link *head,
				   struct keel__link *link)
{
	keel__link_del(link);
	keel__link_append(head, link);
}

#endif
