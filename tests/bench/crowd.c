/* Many clients of one chat room on one thread: posts messages, reads what every socket is sent, and
 * checks that each message came to each client once, and to all of them in the same order. (Which of
 * two messages is first that two clients posted at once is for the server to say.)
 *
 * A message carries "bench-" and seven digits. Whatever else a server sends (receipts, presence,
 * heartbeats) is read and counted, no more. Sockets are opened, and introduced to the server, by
 * crowd.py, which loads this as a library; a Python loop could not take as much as the servers give.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define MARK "bench-"
#define MARK_LENGTH 6
#define DIGITS 7
#define PLACEHOLDER "#######"
#define BUFFER (1 << 20)
#define EVENTS 512
#define BUCKETS 500000 /* of latency, 10 microseconds each */
#define BUCKET 1e-5
#define PATIENCE 30.0 /* seconds without any delivery before one counts as lost */
#define LINGER 0.05   /* seconds after the last delivery in which a doubled one would be seen */

enum status { DONE, CLOSED, LOST, DISORDERED, OVERLOADED, TOO_LARGE, FAILED };

struct client {
    int fd;
    uint32_t has; /* messages of the run that it was sent */
    char *kept;    /* the beginning of a frame whose rest has not come */
    size_t kept_length;
};

struct crowd {
    int epoll, size, capacity;
    struct client *clients;
    char *buffer;
    int measuring;
    uint32_t first; /* number of the run's first message */
    uint32_t posted, complete; /* messages: how many were, how many everybody has */
    uint32_t *order;   /* of the run's messages, as whoever was sent each place's first was sent them */
    uint32_t ordered;
    uint32_t *missing; /* for each message of the run, clients that lack it */
    double *posted_at;
    uint32_t room_for;
};

struct outcome {
    int32_t status, client;
    uint32_t expected, got;
    uint32_t messages;
    uint32_t closed_with;
    uint64_t deliveries, bytes;
    double seconds;
    uint32_t latency[BUCKETS];
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

struct crowd *crowd_new(void) {
    struct crowd *crowd = calloc(1, sizeof *crowd);
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd->buffer = malloc(BUFFER);
    return crowd;
}

static void keep(struct client *client, const char *from, size_t length) {
    client->kept = realloc(client->kept, length ? length : 1);
    memcpy(client->kept, from, length);
    client->kept_length = length;
}

int crowd_add(struct crowd *crowd, int fd, const char *read, size_t length) {
    if (crowd->size == crowd->capacity) {
        crowd->capacity = crowd->capacity ? 2 * crowd->capacity : 64;
        crowd->clients = realloc(crowd->clients, crowd->capacity * sizeof *crowd->clients);
    }
    struct client *client = &crowd->clients[crowd->size];
    *client = (struct client){.fd = fd};
    keep(client, read, length);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = crowd->size};
    crowd->size++;
    return epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, fd, &event);
}

void crowd_free(struct crowd *crowd) {
    for (int i = 0; i < crowd->size; i++) free(crowd->clients[i].kept);
    free(crowd->clients);
    free(crowd->buffer);
    free(crowd->order);
    free(crowd->missing);
    free(crowd->posted_at);
    free(crowd);
}

static void answer(int fd, unsigned char opcode, const char *payload, size_t length) {
    char frame[6 + 125] = {(char)(0x80 | opcode), (char)(0x80 | length)}; /* masked with zeros */
    memcpy(frame + 6, payload, length);
    if (send(fd, frame, 6 + length, MSG_NOSIGNAL) < 0) return; /* reading will tell */
}

static int delivered(struct crowd *crowd, int which, uint32_t number, double at, struct outcome *out) {
    struct client *client = &crowd->clients[which];
    uint32_t index = number - crowd->first;
    int expected = crowd->measuring && index < crowd->posted && client->has < crowd->posted;
    /* Nobody has had it, so it is the next of the order; else it would have its place there. */
    if (expected && client->has == crowd->ordered && crowd->missing[index] == (uint32_t)crowd->size)
        crowd->order[crowd->ordered++] = index;
    if (!expected || client->has == crowd->ordered || crowd->order[client->has] != index) {
        out->client = which, out->got = number;
        out->expected = client->has < crowd->ordered ? crowd->first + crowd->order[client->has] : 0;
        return DISORDERED;
    }
    client->has++;
    crowd->missing[index]--;
    out->deliveries++;
    double bucket = (at - crowd->posted_at[index]) / BUCKET;
    out->latency[bucket < 0 ? 0 : bucket < BUCKETS ? (uint32_t)bucket : BUCKETS - 1]++;
    if (!crowd->missing[index]) crowd->complete++;
    return DONE;
}

static int take_text(struct crowd *crowd, int which, const char *text, size_t length, double at,
                     struct outcome *out) {
    const char *end = text + length, *mark = text;
    if (length == 1 && *text == '2') answer(crowd->clients[which].fd, 1, "3", 1); /* Engine.IO's ping */
    while ((mark = memmem(mark, end - mark, MARK, MARK_LENGTH))) {
        mark += MARK_LENGTH;
        if (end - mark < DIGITS) break;
        uint32_t number = 0;
        for (int i = 0; i < DIGITS; i++) number = 10 * number + (mark[i] - '0');
        int status = delivered(crowd, which, number, at, out);
        if (status != DONE) return status;
        mark += DIGITS;
    }
    return DONE;
}

/* Takes the whole frames of what was read, and returns where the first incomplete one begins. */
static int take_frames(struct crowd *crowd, int which, const char *data, size_t length, size_t *taken,
                       struct outcome *out) {
    double at = now();
    const unsigned char *head = (const unsigned char *)data;
    size_t position = 0;
    int status = DONE;
    while (status == DONE && length - position >= 2) {
        const unsigned char *frame = head + position;
        uint64_t header = 2, size = frame[1] & 127;
        if (size == 126) header = 4;
        if (size == 127) header = 10;
        if (length - position < header) break;
        if (header == 4) size = frame[2] << 8 | frame[3];
        if (header == 10) {
            size = 0;
            for (int i = 2; i < 10; i++) size = size << 8 | frame[i];
        }
        if (length - position < header + size) break;
        const char *payload = (const char *)frame + header;
        switch (frame[0] & 15) {
        case 8:
            out->client = which;
            out->closed_with = size >= 2 ? (payload[0] & 255) << 8 | (payload[1] & 255) : 0;
            return CLOSED;
        case 9:
            answer(crowd->clients[which].fd, 10, payload, size);
            break;
        default:
            status = take_text(crowd, which, payload, size, at, out);
        }
        position += header + size;
    }
    *taken = position;
    return status;
}

static int read_client(struct crowd *crowd, int which, struct outcome *out) {
    struct client *client = &crowd->clients[which];
    if (client->kept_length >= BUFFER) return TOO_LARGE;
    memcpy(crowd->buffer, client->kept, client->kept_length);
    ssize_t got = recv(client->fd, crowd->buffer + client->kept_length, BUFFER - client->kept_length,
                       MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return DONE;
    if (got <= 0) {
        out->client = which;
        return CLOSED;
    }
    out->bytes += got;
    size_t length = client->kept_length + got, taken = 0;
    int status = take_frames(crowd, which, crowd->buffer, length, &taken, out);
    if (taken < length || client->kept_length) keep(client, crowd->buffer + taken, length - taken);
    return status;
}

/* Reads what has come; waits for it until `until` if nothing has. */
static int read_all(struct crowd *crowd, double until, struct outcome *out, int *came) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(crowd->epoll, events, EVENTS, 0);
    double left = until - now();
    if (!ready && left > 0) {
        struct timespec wait = {(time_t)left, (long)((left - (time_t)left) * 1e9)};
        struct pollfd poll = {crowd->epoll, POLLIN, 0};
        if (ppoll(&poll, 1, &wait, NULL) > 0) ready = epoll_wait(crowd->epoll, events, EVENTS, 0);
    }
    *came = ready > 0;
    for (int i = 0; i < ready; i++) {
        int status = read_client(crowd, events[i].data.u32, out);
        if (status != DONE) return status;
    }
    return DONE;
}

/* Reads for some seconds, in which no message may come. */
void crowd_listen(struct crowd *crowd, double seconds, struct outcome *out) {
    double end = now() + seconds;
    int came;
    crowd->measuring = 0;
    do out->status = read_all(crowd, end, out, &came);
    while (out->status == DONE && now() < end);
}

static int post(struct crowd *crowd, char *frame, size_t length, double at) {
    if (crowd->posted == crowd->room_for) {
        crowd->room_for = crowd->room_for ? 2 * crowd->room_for : 1024;
        crowd->order = realloc(crowd->order, crowd->room_for * sizeof *crowd->order);
        crowd->missing = realloc(crowd->missing, crowd->room_for * sizeof *crowd->missing);
        crowd->posted_at = realloc(crowd->posted_at, crowd->room_for * sizeof *crowd->posted_at);
    }
    uint32_t number = crowd->first + crowd->posted;
    char digits[DIGITS], *place = frame;
    for (int i = DIGITS, rest = number; i--; rest /= 10) digits[i] = '0' + rest % 10;
    char numbered[length];
    memcpy(numbered, frame, length);
    while ((place = memmem(place, frame + length - place, PLACEHOLDER, DIGITS))) {
        memcpy(numbered + (place - frame), digits, DIGITS);
        place += DIGITS;
    }
    crowd->missing[crowd->posted] = crowd->size;
    crowd->posted_at[crowd->posted] = at;
    crowd->posted++;
    /* Each client in turn, as servers limit what one may say. */
    int fd = crowd->clients[number % crowd->size].fd;
    return send(fd, numbered, length, MSG_NOSIGNAL) == (ssize_t)length ? DONE : FAILED;
}

/* Posts for some seconds, then waits until everybody has everything.
 * `interval` 0: whenever fewer than `in_flight` messages are on their way. Else: one per `interval`
 * seconds, late or not, and latency counts from when it was due; more than `in_flight` on their way
 * mean that the server cannot keep up. */
void crowd_run(struct crowd *crowd, char *frame, size_t length, uint32_t first, uint32_t in_flight,
               double interval, double seconds, struct outcome *out) {
    double start = now(), end = start + seconds, progress = start;
    int came;
    crowd->measuring = 1;
    crowd->first = first, crowd->posted = crowd->complete = crowd->ordered = 0;
    for (int i = 0; i < crowd->size; i++) crowd->clients[i].has = 0;
    out->status = DONE;
    while (out->status == DONE) {
        double time = now(), due = start + crowd->posted * interval;
        while (out->status == DONE && time < end && (interval > 0 ? due <= time
                                                      : crowd->posted - crowd->complete < in_flight)) {
            out->status = post(crowd, frame, length, interval > 0 ? due : now());
            due = start + crowd->posted * interval;
        }
        if (interval > 0 && crowd->posted - crowd->complete > in_flight) out->status = OVERLOADED;
        if (time >= end && crowd->complete == crowd->posted) break;
        if (out->status != DONE) break;
        double wake = time >= end ? time + 1 : interval > 0 && due < end ? due : end;
        out->status = read_all(crowd, wake, out, &came);
        if (came) progress = now();
        if (now() - progress > PATIENCE) out->status = LOST;
    }
    out->seconds = now() - start;
    out->messages = crowd->posted;
    double quiet = now() + LINGER;
    while (out->status == DONE && now() < quiet) out->status = read_all(crowd, quiet, out, &came);
    crowd->measuring = 0;
}
