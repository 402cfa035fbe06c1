// Specification of ScalableMac(4, 8) for the proof: the inputs of a word wait two cycles, then all
// of its arithmetic happens at once, on integers.
module mac_spec (
    input clk, input rst,
    input signed [3:0] act, input signed [3:0] weight, input signed [7:0] bias,
    input [1:0] ctl__addend, input ctl__act_high, input ctl__act_signed,
    input [1:0] ctl__weight_part, input ctl__clear, input [1:0] ctl__shift,
    input ctl__capture_high, input ctl__capture_low, input ctl__narrow, input [2:0] ctl__position,
    output reg [3:0] out, output reg [1:0] saturated
);
    localparam WORD = 14;
    wire [WORD-1:0] word = {ctl__addend, ctl__act_high, ctl__act_signed, ctl__weight_part,
        ctl__clear, ctl__shift, ctl__capture_high, ctl__capture_low, ctl__position};
    reg [WORD:0] word_1, word_2;
    reg signed [3:0] act_1, act_2, weight_1, weight_2;
    reg signed [7:0] bias_held;

    wire [1:0] addend, part, shift;
    wire high, act_signed, clear, capture_high, capture_low, narrow;
    wire [2:0] position;
    assign {narrow, addend, high, act_signed, part, clear, shift, capture_high, capture_low,
        position} = word_2;

    function signed [15:0] clamp(input signed [15:0] value, input signed [15:0] limit);
        clamp = value >= limit ? limit - 1 : value < -limit ? -limit : value;
    endfunction

    reg signed [7:0] acc;
    reg signed [15:0] a, w, quarters, aligned, sum, result, word_out;
    always @* begin
        a = high ? act_2[3:2] : act_2[1:0];
        if (act_signed && a >= 2) a = a - 4;
        quarters = weight_2;
        case (part)
            2'd1: w = quarters >>> 2;
            2'd2: w = quarters & 16'sd3;
            // The tie above an even multiple of 4 stays there; every other word adds a half.
`ifdef TIES_UP
            default: w = clamp((quarters + 2) >>> 2, 2);
`else
            default: w = clamp((quarters & 7) == 2 ? quarters >>> 2 : (quarters + 2) >>> 2, 2);
`endif
        endcase
        aligned = clamp(shift == 1 ? acc * 16'sd4 : shift == 2 ? acc * 16'sd16 : acc, 128);
        sum = clear ? 16'sd0 : aligned;
        case (addend)
            2'd1: sum = clamp(sum + a * w, 128);
            2'd2: sum = clamp(sum + bias_held[3:0], 128);
            2'd3: sum = clamp(sum + $signed(bias_held[7:4]) * 16'sd16, 128);
        endcase
        result = aligned >>> position;
        word_out = clamp(result, narrow ? 2 : 8);
    end

    always @(posedge clk) begin
        word_1 <= rst ? 0 : {ctl__narrow, word};
        word_2 <= rst ? 0 : word_1;
        act_1 <= act; act_2 <= act_1;
        weight_1 <= weight; weight_2 <= weight_1;
        if (ctl__addend == 2) bias_held <= bias;
        if (addend != 0) acc <= sum;
        if (capture_low) {saturated[0], out[1:0]} <= {word_out != result, word_out[1:0]};
        if (capture_high)
            {saturated[1], out[3:2]} <= {word_out != result, narrow ? word_out[1:0] : word_out[3:2]};
    end
endmodule
