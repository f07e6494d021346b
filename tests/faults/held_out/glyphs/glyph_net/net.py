from keras import Model, layers, losses, optimizers


def conv_block(x, filters, name):
    x = layers.SeparableConv2D(filters, 3, strides=2, padding="same", name=f"{name}_conv")(x)
    x = layers.LayerNormalization(name=f"{name}_norm")(x)
    return layers.Activation("relu", name=f"{name}_act")(x)


def build(width=8):
    image = layers.Input((28, 28, 1), name="image")
    x = conv_block(image, width, "low")
    x = conv_block(x, 2 * width, "high")
    x = layers.Flatten()(x)
    label = layers.Dense(10, name="label")(x)
    model = Model(image, label, name="glyph_net")
    model.compile(
        optimizers.AdamW(2e-3, weight_decay=1e-4),
        losses.CategoricalCrossentropy(from_logits=True),
        metrics=["categorical_accuracy"],
    )
    return model
