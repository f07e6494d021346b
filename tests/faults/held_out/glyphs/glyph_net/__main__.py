import sys
from argparse import ArgumentParser

import keras
import tensorflow as tf

from glyph_net import data, net


def main(argv=None):
    parser = ArgumentParser(prog="glyph_net")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=24)
    options = parser.parse_args(argv)
    keras.utils.set_random_seed(3407)
    tf.config.experimental.enable_op_determinism()
    model = net.build()
    model.fit(data.dataset(options.batch), epochs=options.epochs, verbose=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
