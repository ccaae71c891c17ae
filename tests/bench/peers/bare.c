/* The limit: a loop that builds one frame for each message and writes it to every socket. No
 * handshake worth the name, no queue, no checks: what the kernel costs, and hardly more.
 * Started with the port to listen on; for clients on the same machine whose requests come whole. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define SOCKETS 65536
#define BUFFER 65536

static const char ACCEPTED[] = "HTTP/1.1 101 Switching Protocols\r\n"
                               "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

static int open_sockets[SOCKETS], count;
static char joined[SOCKETS];

static void leave(int fd) {
    for (int i = 0; i < count; i++)
        if (open_sockets[i] == fd) open_sockets[i] = open_sockets[--count];
    joined[fd] = 0;
    close(fd);
}

static void tell_all(const unsigned char *payload, size_t length) {
    static unsigned char frame[BUFFER + 4];
    size_t header = length < 126 ? 2 : 4;
    frame[0] = 0x81;
    frame[1] = length < 126 ? length : 126;
    if (header == 4) frame[2] = length >> 8, frame[3] = length;
    memcpy(frame + header, payload, length);
    for (int i = 0; i < count; i++)
        if (write(open_sockets[i], frame, header + length) < 0) continue; /* reading will tell */
}

static void take(int fd) {
    static unsigned char data[BUFFER];
    ssize_t length = read(fd, data, sizeof data);
    if (length <= 0) {
        leave(fd);
        return;
    }
    if (!joined[fd]) {
        joined[fd] = 1;
        open_sockets[count++] = fd;
        if (write(fd, ACCEPTED, sizeof ACCEPTED - 1) < 0) leave(fd);
        return;
    }
    for (unsigned char *frame = data; length >= 6;) {
        size_t header = 6, size = frame[1] & 127;
        if (size == 126) header = 8, size = frame[2] << 8 | frame[3];
        for (size_t i = 0; i < size; i++) frame[header + i] ^= frame[header - 4 + i % 4];
        if ((frame[0] & 15) == 1) tell_all(frame + header, size);
        frame += header + size, length -= header + size;
    }
}

int main(int arguments, char **argument) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(arguments > 1 ? atoi(argument[1]) : 0),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1, epoll = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) return 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[512];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd != listener) {
                take(events[i].data.fd);
                continue;
            }
            int fd = accept(listener, NULL, NULL);
            if (fd < 0 || fd >= SOCKETS) return 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            event.data.fd = fd;
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        }
    }
}
