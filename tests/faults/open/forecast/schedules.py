"""Learning rates over the epochs."""


def halve(epoch, lr):
    if epoch == 0:
        return lr
    return lr * 0.5
