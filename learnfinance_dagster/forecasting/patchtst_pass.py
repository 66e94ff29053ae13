"""A training pass through PatchTST: transformers' weights and arithmetic, in a fraction of its time on a CPU.

The module itself loses most of it to batch norm over transposed memory, to softmax over six numbers at a time, and to
drawing dropout masks. What this pass gives is `network(past).prediction_outputs` of the module in training mode.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from transformers import PatchTSTForPrediction

from learnfinance_dagster.forecasting.dropout import Masks


def training_pass(network: PatchTSTForPrediction, past: Tensor, masks: Masks) -> Tensor:
    """(B, 60, C) → (B, 5, C). Running statistics of the batch norms are brought up to date, as by the module."""
    model, encoder = network.model, network.model.encoder
    scaled, mean, deviation = model.scaler(past, torch.ones_like(past))
    tokens = masks(encoder.embedder(model.patchifier(scaled)) + encoder.positional_encoder.position_enc)
    for layer in encoder.layers:
        tokens = _encoded(layer, tokens, masks)
    pooled = masks(tokens.mean(dim=2))
    return network.head.projection(pooled).transpose(1, 2) * deviation + mean


def _encoded(layer: Any, tokens: Tensor, masks: Masks) -> Tensor:
    """(B, C, P, D) → the same: each channel's patches look at each other, then each patch's channels, if so wanted."""
    tokens = tokens + masks(_attended(layer.self_attn, _normal(layer.norm_sublayer1, tokens), masks))
    if layer.channel_attention:
        across = tokens.transpose(1, 2).contiguous()
        across = across + masks(_attended(layer.self_attn, _normal(layer.norm_sublayer2, across), masks))
        tokens = across.transpose(1, 2).contiguous()
    widen, activate, _, narrow = layer.ff
    return tokens + masks(narrow(masks(activate(widen(_normal(layer.norm_sublayer3, tokens))))))


def _normal(norm: Any, tokens: Tensor) -> Tensor:
    """Batch norm over all tokens: as rows they need no transposition."""
    return norm.batchnorm(tokens.view(-1, tokens.shape[-1])).view(tokens.shape)


def _attended(attention: Any, tokens: Tensor, masks: Masks) -> Tensor:
    """(..., L, D) → the same: every token a mixture of the L that it is among."""
    query, key, value = attention.q_proj, attention.k_proj, attention.v_proj
    weight = torch.cat([query.weight * attention.scaling, key.weight, value.weight])
    bias = torch.cat([query.bias * attention.scaling, key.bias, value.bias])
    projected = nn.functional.linear(tokens, weight, bias).view(-1, tokens.shape[-2], 3 * tokens.shape[-1])
    return attention.out_proj(_Mixing.apply(projected, attention.num_heads, masks).view(tokens.shape))


class _Mixing(Function):
    """softmax(Q Kᵀ) V of every head, with dropout of the shares.

    Written out, because each of its steps is quick on contiguous memory only, and autograd would scatter it.
    """

    @staticmethod
    def forward(ctx: Any, projected: Tensor, heads: int, masks: Masks) -> Tensor:
        """(S, L, 3 D) queries, keys and values → (S, L, D)."""
        parts = _by_head(projected, 3, heads)
        query, key, value = parts
        shares = _softmax(torch.bmm(query, key.transpose(1, 2)))
        mask = masks.draw(shares.shape)
        ctx.heads = heads
        ctx.save_for_backward(parts, shares, mask)
        return _side_by_side(torch.bmm(shares * mask, value)[None], heads)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """With P = softmax(Z): dZ = P (dP - Σ P dP) for each row."""
        parts, shares, mask = ctx.saved_tensors
        query, key, value = parts
        (gradient,) = _by_head(gradients[0], 1, ctx.heads)
        weighted = torch.bmm(gradient, value.transpose(1, 2)).mul_(mask).mul_(shares)
        scores = weighted.addcmul_(shares, weighted.sum(dim=-1, keepdim=True), value=-1)
        back = torch.empty_like(parts)
        torch.bmm(scores, key, out=back[0])
        torch.bmm(scores.transpose(1, 2), query, out=back[1])
        torch.bmm((shares * mask).transpose(1, 2), gradient, out=back[2])
        return _side_by_side(back, ctx.heads), None, None


def _softmax(scores: Tensor) -> Tensor:
    """Over the last axis, in place; step by step, which for a few numbers is quicker than torch's own."""
    shares = scores.sub_(scores.amax(dim=-1, keepdim=True)).exp_()
    return shares.div_(shares.sum(dim=-1, keepdim=True))


def _by_head(rows: Tensor, parts: int, heads: int) -> Tensor:
    """(S, L, parts * heads * W) → (parts, S * heads, L, W), contiguous."""
    several, length, wide = rows.shape
    width = wide // (parts * heads)
    split = rows.view(several, length, parts, heads, width)
    return split.permute(2, 0, 3, 1, 4).reshape(parts, several * heads, length, width)


def _side_by_side(parts: Tensor, heads: int) -> Tensor:
    """What `_by_head` took apart."""
    count, several, length, width = parts.shape
    split = parts.view(count, several // heads, heads, length, width)
    return split.permute(1, 3, 0, 2, 4).reshape(several // heads, length, count * heads * width)
