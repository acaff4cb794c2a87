/* SPDX-License-Identifier: MIT */
/* What a module's file says of itself, read without loading it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrordesc_np(3) */
#endif
#include "lib/registry/module-private.h"

#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/base-private.h"

/*
 * dlopen(3) runs a module's constructors, so what decides whether it may be
 * loaded is read from the file before: keel's note, which holds the number of
 * the interface and the row's size. dlopen(3) also maps what the program
 * headers name without a look at the file's size, and a file that was cut short
 * is SIGBUS then; that is looked at here too.
 */

#define MAX_HEADERS 64
#define MAX_NOTES_LEN 1024

struct elf {
	int fd;
	uint64_t len;
	unsigned int nr_headers;
	ElfW(Phdr) headers[MAX_HEADERS];
};

static bool read_at(const struct elf *elf, void *buf, size_t len,
		    uint64_t offset)
{
	return offset <= elf->len && len <= elf->len - offset &&
	       pread(elf->fd, buf, len, (off_t)offset) == (ssize_t)len;
}

static bool head_is_good(const ElfW(Ehdr) * head)
{
	const unsigned char class =
		sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	const unsigned char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
					    ? ELFDATA2LSB
					    : ELFDATA2MSB;

	return !memcmp(head->e_ident, ELFMAG, SELFMAG) &&
	       head->e_ident[EI_CLASS] == class &&
	       head->e_ident[EI_DATA] == order && head->e_type == ET_DYN &&
	       head->e_phentsize == sizeof(ElfW(Phdr)) && head->e_phnum &&
	       head->e_phnum <= MAX_HEADERS;
}

static int read_headers(struct elf *elf, struct keel__refusal *ret_why)
{
	ElfW(Ehdr) head;

	if (!read_at(elf, &head, sizeof(head), 0) || !head_is_good(&head))
		return keel__refuse(ret_why, -ENOEXEC,
				    "not a shared library of this machine");
	elf->nr_headers = head.e_phnum;
	if (!read_at(elf, elf->headers,
		     elf->nr_headers * sizeof(elf->headers[0]), head.e_phoff))
		return keel__refuse(ret_why, -ENOEXEC,
				    "the file was cut short: its program "
				    "headers are missing");
	return 0;
}

/* All that will be mapped is there. */
static int judge_len(const struct elf *elf, struct keel__refusal *ret_why)
{
	for (unsigned int i = 0; i < elf->nr_headers; i++) {
		const ElfW(Phdr) *h = &elf->headers[i];

		if (h->p_type != PT_LOAD)
			continue;
		if (h->p_offset > elf->len ||
		    h->p_filesz > elf->len - h->p_offset)
			return keel__refuse(ret_why, -ENOEXEC,
					    "the file was cut short");
	}
	return 0;
}

/* A note's parts are filled up to 4 bytes, or to 8 in a section of such. */
static uint64_t filled_up(uint64_t len, uint64_t align)
{
	return (len + align - 1) & ~(align - 1);
}

static bool is_our_note(const uint8_t *data, size_t len,
			struct keel_backend_note *ret_note)
{
	if (len < sizeof(*ret_note))
		return false;
	memcpy(ret_note, data, sizeof(*ret_note));
	return ret_note->owner_len == sizeof(KEEL_BACKEND_NOTE_OWNER) &&
	       ret_note->desc_len >= 2 * sizeof(uint32_t) &&
	       ret_note->type == KEEL_BACKEND_NOTE_TYPE &&
	       !memcmp(ret_note->owner, KEEL_BACKEND_NOTE_OWNER,
		       sizeof(KEEL_BACKEND_NOTE_OWNER));
}

static bool find_note_in(const uint8_t *data, size_t len, uint64_t align,
			 struct keel_backend_note *ret_note)
{
	ElfW(Nhdr) note;
	uint64_t skip;

	while (len >= sizeof(note)) {
		if (is_our_note(data, len, ret_note))
			return true;
		memcpy(&note, data, sizeof(note));
		skip = filled_up(sizeof(note) + (uint64_t)note.n_namesz, align);
		skip = filled_up(skip + note.n_descsz, align);
		if (skip > len)
			break;
		data += skip;
		len -= skip;
	}
	return false;
}

static bool find_note(const struct elf *elf, struct keel_backend_note *ret_note)
{
	uint8_t notes[MAX_NOTES_LEN];

	for (unsigned int i = 0; i < elf->nr_headers; i++) {
		const ElfW(Phdr) *h = &elf->headers[i];
		size_t len = keel__min_size(h->p_filesz, sizeof(notes));

		if (h->p_type == PT_NOTE &&
		    read_at(elf, notes, len, h->p_offset) &&
		    find_note_in(notes, len, h->p_align == 8 ? 8 : 4, ret_note))
			return true;
	}
	return false;
}

static int judge_note(const struct elf *elf, struct keel__refusal *ret_why)
{
	struct keel_backend_note note;

	if (!find_note(elf, &note))
		return keel__refuse(ret_why, -ENOEXEC,
				    "not a backend of keel: it has no note of "
				    "KEEL_BACKEND_MODULE()");
	if (note.abi != KEEL_BACKEND_ABI)
		return keel__refuse(ret_why, -EPROTONOSUPPORT,
				    "it is made for interface %u of backends, "
				    "this keel has %u",
				    note.abi, KEEL_BACKEND_ABI);
	if (note.row_len < sizeof(struct keel_backend))
		return keel__refuse(ret_why, -EPROTONOSUPPORT,
				    "its row has %u bytes, this keel's has "
				    "%zu: build it anew",
				    note.row_len, sizeof(struct keel_backend));
	return 0;
}

int keel__elf_judge(int fd, struct keel__refusal *ret_why)
{
	struct elf elf = {.fd = fd};
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return keel__refuse(ret_why, -errno, "%s",
				    strerrordesc_np(errno));
	elf.len = (uint64_t)st.st_size;
	err = read_headers(&elf, ret_why);
	if (!err)
		err = judge_len(&elf, ret_why);
	if (!err)
		err = judge_note(&elf, ret_why);
	return err;
}
